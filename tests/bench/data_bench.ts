/**
 * How long `deno task data` takes for 80,000 rows, lengths in tokens included, and how much memory:
 *
 *     deno run -A tests/bench/data_bench.ts [rows]
 *
 * The rows are the 4,000 of sql-create-context in `../shared`, repeated with changed table names and
 * questions, so that none is a duplicate and no schema is known from before.
 * @module
 */
import { sharedPath } from "../shared.ts";

const LIMIT_SECONDS = 20, LIMIT_MEGABYTES = 500, ROWS = 80_000;

interface ContextRow {
  readonly question: string;
  readonly context: string;
  readonly answer: string;
}

/** Writes `count` rows and returns how many of them are valid in SQLite. */
async function writeRows(path: string, rows: readonly ContextRow[], count: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const encoder = new TextEncoder();
  let lines = "";
  for (let i = 0; i < count; i++) {
    const row = rows[i % rows.length];
    const round = Math.floor(i / rows.length);
    const names = [...row.context.matchAll(/CREATE TABLE (\w+)/gi)].map(([, name]) => name);
    const rename = (text: string) =>
      names.reduce(
        (result, name) => result.replace(new RegExp(`\\b${name}\\b`, "g"), `${name}_${round}`),
        text,
      );
    lines += JSON.stringify({
      question: `${row.question} (${round})`,
      context: rename(row.context),
      answer: rename(row.answer),
    }) + "\n";
    if (lines.length < 1 << 20 && i + 1 < count) continue;
    const bytes = encoder.encode(lines);
    for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    lines = "";
  }
}

/** Peak resident memory of a process so far, in megabytes; NaN where the system does not tell. */
async function peakMegabytes(pid: number): Promise<number> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024 / 1e6;
  } catch {
    return NaN; // it has ended
  }
}

const data = sharedPath("data/sql-create-context/sql_create_context.first4000.json");
const tokenizer = sharedPath("golden/mistral-7b");
if (data === null || tokenizer === null) {
  console.error("Cannot run the benchmark: it needs the rows in ../shared");
  Deno.exit(1);
}
const count = Number(Deno.args[0] ?? ROWS);
const folder = await Deno.makeTempDir();
try {
  await writeRows(`${folder}/rows.jsonl`, JSON.parse(await Deno.readTextFile(data)), count);
  const started = performance.now();
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "-A", "--no-check", "src/cli/data.ts", "--dataset", "sql-create-context"],
      ...["--source", `${folder}/rows.jsonl`, "--tokenizer", tokenizer, "--out_dir", folder],
    ],
    cwd: decodeURIComponent(new URL("../../", import.meta.url).pathname),
  }).spawn();
  let peak = 0;
  const watch = setInterval(async () => {
    peak = Math.max(peak, await peakMegabytes(process.pid) || 0);
  }, 200);
  const { code } = await process.status;
  clearInterval(watch);
  const seconds = (performance.now() - started) / 1000;
  const within = seconds < LIMIT_SECONDS && peak < LIMIT_MEGABYTES;
  console.log(
    `${count} rows in ${seconds.toFixed(1)} s (limit ${LIMIT_SECONDS}), peak ${
      peak.toFixed(0)
    } MB ` +
      `(limit ${LIMIT_MEGABYTES}), ${navigator.hardwareConcurrency} cores`,
  );
  Deno.exitCode = code === 0 && within ? 0 : 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
