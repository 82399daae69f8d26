import { assertEquals } from "@std/assert";
import { createDownloadDisplay, spacedOut } from "../../src/cli/from_hub.ts";
import type { HubEvent } from "../../src/formats/hub.ts";

const progress = (received: number, file = "model.safetensors"): HubEvent => ({
  ...{ type: "progress", file, received, size: 4 << 20 },
  ...{ totalReceived: received, totalSize: 4 << 20 },
});

/** A stream that keeps what is written, and a clock that is set by hand. */
function screen(terminal: boolean) {
  const state = { text: "", at: 0 };
  const stream = {
    writeSync(bytes: Uint8Array) {
      state.text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
    isTerminal: () => terminal,
  };
  return { state, display: createDownloadDisplay("a/b", { stream, now: () => state.at }) };
}

Deno.test("a terminal sees one line that changes, with pace and time left", () => {
  const { state, display } = screen(true);
  display.event(progress(0));
  state.at = 1000;
  display.event(progress(1 << 20));
  state.at = 1001; // too soon to be drawn
  display.event(progress(2 << 20));
  display.event({ type: "wait", file: "x" });
  display.done();
  assertEquals(
    state.text,
    "\rDownloading a/b: 0 B of 4.0 MiB  0%  model.safetensors\x1b[K" +
      "\rDownloading a/b: 1.0 MiB of 4.0 MiB  25%  1.0 MiB/s  ETA 3s  model.safetensors\x1b[K" +
      "\r\x1b[KWaiting for another process that downloads x of a/b\n",
  );
});

Deno.test("a log gets a line now and then, and every note", () => {
  const { state, display } = screen(false);
  for (state.at = 0; state.at <= 20_000; state.at += 100) display.event(progress(1 + state.at));
  display.event({ type: "retry", repo: "a/b", reason: "It broke.", delayMs: 1500 });
  display.event({ type: "unverified", file: "x" });
  display.event({ type: "cached", repo: "a/b", reason: "No network." });
  display.done();
  const lines = state.text.trimEnd().split("\n");
  assertEquals(lines.filter((line) => line.startsWith("Downloading")).length, 3);
  assertEquals(lines.slice(3), [
    "It broke.",
    "Trying again in 1.5 s",
    "Note: the server names no digest for x; its length is checked",
    "No network.",
    "Using a/b as it was downloaded earlier",
  ]);
});

Deno.test("of progress, the ends of files are never left out", () => {
  const seen: HubEvent[] = [];
  const pass = spacedOut((event) => void seen.push(event), 1000, () => 0);
  const events = [progress(0), progress(1), progress(4 << 20), progress(0, "b"), progress(4 << 20)];
  for (const event of events) pass(event);
  assertEquals(seen, [events[0], events[2], events[4]]);
});
