import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { judge, report, total } from "./judge.ts";
import { findTests, runFile } from "./run.ts";

const GOOD = `running 3 tests from ./tests/x_test.ts
adds ... ok (1ms)
has steps ...
  one ... ok (0ms)
has steps ... ok (1ms)
real data (needs ../shared) ... ignored (0ms)

\x1b[0m\x1b[32mok\x1b[0m | 2 passed (1 step) | 0 failed | 1 ignored (5ms)

`;
const NORMAL = { code: 0, signal: null };
const ABORT = { code: 134, signal: "SIGABRT" };

Deno.test("judge: passed and ignored tests of a run that ended well", () => {
  assertEquals(judge("x", GOOD, NORMAL), {
    passed: 2,
    failed: 0,
    failures: [],
    ignored: ["real data (needs ../shared)"],
    notes: [],
  });
});

Deno.test("judge: an abort after the summary passes, visibly", () => {
  const tally = judge("x", GOOD, ABORT);
  assertEquals([tally.passed, tally.failed, tally.notes.length], [2, 0, 1]);
  assertStringIncludes(report(tally), "Note: x: all 2 tests passed, then the process aborted");
});

Deno.test("judge: any other bad end is a failure", () => {
  const failed = (output: string, ending: Parameters<typeof judge>[2]) => {
    const tally = judge("x", output, ending);
    assertEquals(tally.notes, []);
    assert(tally.failures.length > 0);
    return tally.failed;
  };
  const half = GOOD.slice(0, GOOD.indexOf("real data"));
  assertEquals(failed(half, ABORT), 1, "an abort in the middle");
  assertEquals(failed(half, NORMAL), 1, "an end in the middle");
  assertEquals(failed(GOOD + "more", ABORT), 1, "something after the summary");
  assertEquals(failed(GOOD, { code: 139, signal: "SIGSEGV" }), 1, "another signal");
  assertEquals(failed(GOOD, { code: 1, signal: null }), 1, "an exit code");
  assertEquals(failed(GOOD, { code: 137, signal: "SIGKILL", killedAfterMs: 5 }), 1, "time is up");
  assertEquals(failed(GOOD.replace("3 tests", "4 tests"), ABORT), 1, "a test that never ran");
  assertEquals(failed(GOOD.replace("ok\x1b[0m |", "FAILED |"), ABORT), 1, "no test is to blame");
  assertEquals(failed("", NORMAL), 1, "nothing printed");
});

Deno.test("report: reasons for ignoring, failures, and the last line", () => {
  const tally = total([
    { passed: 1, failed: 0, failures: [], ignored: ["a (needs x)", "b (needs x)"], notes: [] },
    { passed: 2, failed: 1, failures: ["f: c"], ignored: ["d"], notes: ["n"] },
  ]);
  assertEquals(report(tally).split("\n"), [
    "2 ignored (needs x): a; b",
    "1 ignored (no reason): d",
    "Note: n",
    "Failed: f: c",
    "3 passed, 1 failed",
  ]);
});

async function runSource(source: string, timeLimitMs?: number) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/x_test.ts`, source);
    const [file] = await findTests(folder);
    let output = "";
    const write = (chunk: Uint8Array) => {
      output += new TextDecoder().decode(chunk);
      return Promise.resolve();
    };
    return { ...await runFile(file, { write, timeLimitMs }), output };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const PASSES = `Deno.test("fine", () => {});\n`;

Deno.test("runFile: what a real run prints is understood", async () => {
  const { passed, failed, ignored, failures, output } = await runSource(`${PASSES}
    Deno.test("wrong", async (t) => { await t.step("step", () => { throw new Error("oh"); }); });
    Deno.test({ name: "later (needs time)", ignore: true, fn() {} });
  `);
  assertEquals([passed, failed, ignored], [1, 1, ["later (needs time)"]]);
  assertMatch(failures[0], /x_test\.ts: wrong$/);
  assertStringIncludes(output, "oh");
});

Deno.test("runFile: errors outside of tests and files without tests fail", async () => {
  for (const source of [`${PASSES}throw new Error("at load");`, "export {};"]) {
    const { passed, failed } = await runSource(source);
    assertEquals([passed, failed], [0, 1], source);
  }
});

Deno.test({
  name: "runFile: a crash in the middle fails, though a test passed before (needs signals)",
  ignore: Deno.build.os === "windows",
  async fn() {
    const { failed, failures } = await runSource(
      `${PASSES}Deno.test("dies", () => Deno.kill(Deno.pid, "SIGABRT"));`,
    );
    assertEquals(failed, 1);
    assertMatch(failures[0], /crashed before its tests were done \(SIGABRT\)/);
  },
});

Deno.test({
  name: "runFile: a hung file is killed together with what it started (needs a shell)",
  ignore: Deno.build.os === "windows",
  async fn() {
    const started = performance.now();
    const { failed, failures } = await runSource(
      `Deno.test("hangs", async () => {
        await new Deno.Command("sh", { args: ["-c", "sleep 60"], stdout: "inherit" }).output();
      });`,
      1500,
    );
    assertEquals(failed, 1);
    assertMatch(failures[0], /killed, for it was not done after 1\.5 s/);
    // The shell holds the pipe that the runner reads: alive, it would keep the runner for a minute.
    assert(performance.now() - started < 30_000);
  },
});
