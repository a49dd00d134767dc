"""The playground as a page of its own, with no code to be seen: for a class on one computer.

Voilà shows the panel and runs a kernel for each who opens the page; nobody can run other code.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Int
from voila.app import Voila

from .errors import MinividError

PAGE = """{% extends "voila/templates/lab/index.html.j2" %}
{# what would be fetched from elsewhere is not: everything here works without a network #}
{% block notebook_css %}
{{ super() | replace('rel="stylesheet" href="https:', 'rel="elsewhere" href="https:') }}
{% endblock %}
"""
ERROR = """<!DOCTYPE html><html lang="en"><title>minivid</title>
<body style="font-family: sans-serif; margin: 4em"><h1>{{ status_message }}</h1>
<p>{{ message }}</p></body></html>
"""
CELL = "from minivid.playground import Playground\n\nPlayground()"
# kernels run in a folder of their own: what is named from here must be named in full
FOLDERS = ("MINIVID_DATA", "MINIVID_RUNS")
IDLE = 15 * 60  # seconds after which a page that nobody uses gives its memory back


class FewSessions(AsyncMappingKernelManager):
    """Kernels for so many pages at once; who comes then is asked to wait."""

    most = Int(4, help="How many pages may be open at once.").tag(config=True)
    starting = 0  # a kernel counts from the moment it is asked for

    async def start_kernel(self, *arguments, **options) -> str:
        """As usual, or an error 503 where all places are taken."""
        if len(self) + self.starting >= self.most:
            raise HTTPError(503, reason=f"All {self.most} places are taken: try again in a while")
        self.starting += 1
        try:
            return await super().start_kernel(*arguments, **options)
        finally:
            self.starting -= 1


def options(port: int, sessions: int, address: str, browser: bool) -> list[str]:
    """Voilà's settings."""
    return [f"--port={port}", f"--Voila.ip={address}", f"--FewSessions.most={sessions}",
            "--Voila.port_retries=0", "--Voila.log_level=ERROR",
            "--VoilaConfiguration.template=minivid",
            "--VoilaConfiguration.multi_kernel_manager_class=minivid.app.FewSessions",
            f"--MappingKernelManager.cull_idle_timeout={IDLE}",
            "--MappingKernelManager.cull_interval=60", "--MappingKernelManager.cull_connected=True",
            *([] if browser else ["--no-browser"])]


def check_free(port: int, address: str) -> None:
    """Raise MinividError where nobody can listen at that port, another program perhaps being
    there already."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(kind, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name != "nt")
            trial.bind((address, port))
    except OSError as problem:
        raise MinividError(f"Cannot listen at port {port} of {address} ({problem.strerror}). "
                           "Choose another with --port.") from None


def serve(port: int = 8866, sessions: int = 4, address: str = "127.0.0.1",
          browser: bool = True) -> None:
    """Serve the panel until it is interrupted: on this computer alone, unless `address` is that of
    a network."""
    os.environ |= {name: str(Path(os.environ[name]).resolve()) for name in FOLDERS
                   if os.environ.get(name)}
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder) / "voila" / "templates" / "minivid"
        templates.mkdir(parents=True)
        (templates / "index.html.j2").write_text(PAGE, encoding="utf-8")
        (templates / "error.html").write_text(ERROR, encoding="utf-8")
        (templates / "conf.json").write_text('{"base_template": "lab"}', encoding="utf-8")
        kernel = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}",
                           "--log-level=ERROR"],
                  "display_name": "minivid", "language": "python"}  # the Python of this process
        (Path(folder) / "kernels" / "minivid").mkdir(parents=True)
        (Path(folder) / "kernels" / "minivid" / "kernel.json").write_text(json.dumps(kernel))
        os.environ["JUPYTER_PATH"] = os.pathsep.join(
            filter(None, (folder, os.environ.get("JUPYTER_PATH"))))
        page = Path(folder) / "minivid.ipynb"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
        notebook.metadata.kernelspec = {"name": "minivid", "display_name": "minivid"}
        nbformat.write(notebook, page)
        Voila.launch_instance([str(page), *options(port, sessions, address, browser)])
