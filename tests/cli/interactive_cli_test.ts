/**
 * `deno task infer --interactive`, with standard input as a pipe.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { EXAMPLE_SCRIPT } from "../../src/data/examples.ts";
import { writeParrot } from "../model/parrot.ts";
import { makeDatabase } from "../sql/files.ts";
import { tempFolder } from "../train/support.ts";
import { goldenBase, TINY } from "../train/tiny.ts";
import { type CliOptions, startCli } from "./support.ts";

/** A session to talk to. */
function openSession(options: CliOptions, ...switches: string[]) {
  const process = startCli("infer", { ...options, interactive: true }, {
    switches,
    stdin: "piped",
  });
  const input = process.stdin.getWriter();
  const said = { stdout: "", stderr: "" };
  const listen = async (name: "stdout" | "stderr") => {
    const stream = process[name].pipeThrough(new TextDecoderStream());
    for await (const text of stream) said[name] += text;
  };
  const listening = Promise.all([listen("stdout"), listen("stderr")]);
  return {
    process,
    said,
    write: (...lines: string[]) =>
      input.write(new TextEncoder().encode(lines.map((line) => line + "\n").join(""))),
    async until(name: "stdout" | "stderr", pattern: RegExp) {
      for (const begin = Date.now(); !pattern.test(said[name]);) {
        assert(
          Date.now() - begin < 30_000,
          `${pattern} was not said, but: ${said.stderr}`,
        );
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async end() {
      await input.close().catch(() => {});
      const { code } = await process.status;
      await listening;
      return { code, ...said };
    },
  };
}

Deno.test("a session: questions, commands, faults that do not end it, and the end of the input", async () => {
  using folder = tempFolder();
  const base_model = await writeParrot(folder("base"), "SELECT title FROM books;");
  const database = folder("library.db");
  makeDatabase(database, EXAMPLE_SCRIPT);
  const session = openSession({ base_model });
  await session.write(
    "Which books?",
    `:schema ${folder("none.db")}`,
    ":schema CREATE TABLE books (title TEXT);\r",
    ":schema",
    "",
    "Which books?",
    ":exec on",
    ":execute on",
    ":execute maybe",
    `:schema ${database}`,
    "Which books?",
    ":schema CREATE TABLE authors (name TEXT)",
    "Which books?",
    ":adapter nowhere",
    ":constructor",
    ":help",
  );
  const { code, stdout, stderr } = await session.end();
  assertEquals(code, 0);
  const answer = "SELECT title FROM books;\n";
  const rows = "Silent Rivers\nA Map of Stars\nGlass Houses\nThe Long Winter\n";
  assertEquals(
    stdout.replace(/[\d.]+ ms/, "T"),
    `${answer}${answer}title\n${"─".repeat(15)}\n${rows}(4 rows, T)\n${answer}`,
  );
  const expected = [
    /^Cannot answer without a schema: name one with :schema FILE$/,
    /^Cannot read --schema .*none\.db/,
    /^Questions are about the schema\.$/,
    /^CREATE TABLE books \(title TEXT\);$/,
    /^Cannot do :exec: .* did you mean :execute\?$/,
    /^Answers are run\.$/,
    /^Cannot set :execute to maybe: write on or off$/,
    /^Questions are about .*library\.db\.$/,
    /^Questions are about the schema\.$/,
    /^Cannot run the SQL: no such table: books; use a table of the schema$/,
    /^Cannot open nowhere\/adapter_config\.json/,
    /^Cannot do :constructor: there is no such command; :help lists them$/,
  ];
  const lines = stderr.split("\n");
  expected.forEach((pattern, i) => assertMatch(lines[i], pattern));
  assertMatch(stderr, /:adapter DIR\|none/);
});

Deno.test("a session switches adapters without loading the base again; :quit ends it", async () => {
  using folder = tempFolder();
  const base_model = await goldenBase(folder("base"));
  const [a, b] = [join(TINY, "lora"), join(TINY, "qlora-curve", "final_adapter")];
  const options = {
    base_model,
    schema: "CREATE TABLE books (title TEXT)",
    max_new_tokens: 8,
    quantization: "none",
  };
  const session = openSession(options, "--json");
  const ask = "Which books?";
  await session.write(ask, `:adapter ${a}`, ask, `:adapter ${b}`, ask, `:adapter ${a}`, ask);
  await session.write(":adapter nowhere", ask, ":adapter none", ask, ":quit", ask);
  const { code, stdout } = await session.end();
  assertEquals(code, 0);
  const answers = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(Object.keys(answers[0]), ["text", "ids", "finish_reason", "ms"]);
  const [base, withA, withB, ...again] = answers.map(({ ids }) => ids.join());
  assertEquals(new Set([base, withA, withB]).size, 3);
  assertEquals(again, [withA, withA, base]);
});

Deno.test("Ctrl-C stops an answer, and twice ends the session", async () => {
  using folder = tempFolder();
  const base_model = await goldenBase(folder("base"));
  const options = {
    base_model,
    schema: "CREATE TABLE books (title TEXT)",
    max_new_tokens: 20_000,
    max_seq_length: 30_000,
  };
  const session = openSession(options);
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  // As under `deno task`, which passes on what the terminal sends as well: the two count as one.
  const press = async () => {
    await pause(300);
    session.process.kill("SIGINT");
    await pause(20);
    session.process.kill("SIGINT");
  };
  for (let round = 1; round <= 2; round++) {
    const before = session.said.stdout.length;
    await session.write("Which books?");
    await session.until("stdout", new RegExp(`^[^]{${before + 20}}`));
    await press();
    await session.until("stderr", new RegExp(`^(\\s*Stopped\\.\\s*){${round}}$`));
  }
  for (let round = 1; round <= 2; round++) {
    await press();
    await session.until("stderr", new RegExp(`(Press Ctrl-C again[^]*){${round}}`));
    if (round === 2) break;
    // Any line between two presses makes the next one the first again.
    await session.write(":execute");
    await session.until("stderr", /Answers are not run/);
  }
  await pause(300);
  session.process.kill("SIGINT");
  assertEquals((await session.process.status).code, 130);
  await session.end();
});
