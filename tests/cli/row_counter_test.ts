import { assertEquals } from "@std/assert";
import { createRowCounter } from "../../src/cli/row_counter.ts";

/** A counter on a made-up stream and clock. */
function counter(terminal: boolean, silent = false) {
  let text = "";
  let time = 0;
  const stream = {
    isTerminal: () => terminal,
    writeSync(bytes: Uint8Array) {
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  };
  const rows = createRowCounter({ silent, stream, now: () => time });
  return { rows, at: (ms: number) => void (time = ms), written: () => text };
}

const state = { file: "folder/train.json", rows: 5000, dropped: 3 };

Deno.test("on a terminal one line is rewritten five times a second, and taken away", () => {
  const { rows, at, written } = counter(true);
  rows.update(state);
  assertEquals(written(), "");
  at(500);
  rows.update(state);
  rows.update(state);
  assertEquals(written(), "\r5000 rows, 3 dropped, 10000 rows/s, 1s  folder/train.json\x1b[K");
  rows.done();
  assertEquals(written().endsWith("\r\x1b[K"), true);
});

Deno.test("elsewhere a plain line comes every ten seconds", () => {
  const { rows, at, written } = counter(false);
  for (let ms = 0; ms <= 25_000; ms += 1000) {
    at(ms);
    rows.update({ ...state, rows: ms });
  }
  rows.done();
  assertEquals(written().split("\n").map((line) => line.split(",")[0]), [
    "10000 rows",
    "20000 rows",
    "",
  ]);
});

Deno.test("a silent counter writes nothing", () => {
  const { rows, at, written } = counter(true, true);
  at(9000);
  rows.update(state);
  rows.done();
  assertEquals(written(), "");
});
