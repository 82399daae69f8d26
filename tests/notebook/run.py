"""Runs notebooks with a real Jupyter client, for tests/notebook/run_test.ts.

    run.py execute NOTEBOOK OUT     all cells as "Run all" does; OUT gets them with their outputs
    run.py interrupt NOTEBOOK       stops the training cell half-way; prints what came as JSON
"""

import asyncio
import json
import queue
import re
import sys
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELL_SECONDS = 300
LATE_SECONDS = 2


def execute(path: str, out: str) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    client = NotebookClient(
        notebook,
        kernel_name="deno",
        timeout=CELL_SECONDS,
        resources={"metadata": {"path": str(Path(path).parent)}},
    )
    try:
        client.execute()
    except CellExecutionError:
        pass  # the outputs tell, and that the cells after it have none
    nbformat.write(notebook, out)


class Session:
    def __init__(self, manager, client):
        self.manager, self.client = manager, client

    async def run(self, code: str, on_output=lambda message: None) -> dict:
        """Runs a cell to its end: the reply, and what was shown."""
        request = self.client.execute(code)
        shown = []

        async def listen() -> None:
            # Deno's kernel may say that it is idle before the last outputs have left.
            seconds = CELL_SECONDS
            while True:
                try:
                    message = await self.client.get_iopub_msg(timeout=seconds)
                except queue.Empty:
                    if seconds == CELL_SECONDS:
                        raise
                    return
                if message["parent_header"].get("msg_id") != request:
                    continue
                kind, content = message["msg_type"], message["content"]
                if kind == "status" and content["execution_state"] == "idle":
                    seconds = LATE_SECONDS
                if kind in ("display_data", "update_display_data", "execute_result", "error"):
                    shown.append({"type": kind, **content})
                    await on_output(content) if on_output else None

        await listen()
        reply = await self.client.get_shell_msg(timeout=CELL_SECONDS)
        return {"status": reply["content"]["status"], "shown": shown}


async def interrupt(path: str) -> None:
    notebook = nbformat.read(path, as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    at = next(i for i, source in enumerate(cells) if "trainLive(" in source)
    manager = AsyncKernelManager(kernel_name="deno")
    await manager.start_kernel(cwd=str(Path(path).parent))
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    session = Session(manager, client)
    # Not while nothing runs either, then half-way through the training.
    setup = [await session.run(source, None) for source in cells[:2]]
    await manager.interrupt_kernel()
    sent = False

    async def stop_after_steps(content: dict) -> None:
        nonlocal sent
        text = content.get("data", {}).get("text/plain", "")
        step = re.match(r"step (\d+)/", text)
        if not sent and step and int(step[1]) >= 3:
            sent = True
            await manager.interrupt_kernel()

    stopped = await session.run(cells[at], stop_after_steps)
    alive = await session.run("[notebook.device.heldBytes, 6 * 7].join()", None)
    resumed = await session.run(cells[at].replace("resume: false", "resume: true"), None)
    facts = await session.run("JSON.stringify([result.resumedAt, result.end.step])", None)
    print(json.dumps({
        "setup": setup,
        "sent": sent,
        "stopped": stopped,
        "alive": alive,
        "resumed": resumed,
        "facts": facts,
    }))
    client.stop_channels()
    await manager.shutdown_kernel()


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    if mode == "execute":
        execute(*arguments)
    else:
        asyncio.run(interrupt(*arguments))
