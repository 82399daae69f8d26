/**
 * A list of checks that fills in as they are made: each passes or fails with what to do.
 * @module
 */
import { formatDuration } from "../cli/format.ts";
import { TrainingError } from "../errors.ts";
import { liveDisplay, type SendDisplay } from "./kernel.ts";
import { type Cell, tableView } from "./table.ts";
import type { View } from "./view.ts";

/** A check to be made. */
export interface Check {
  readonly name: string;
  /** What to do where it fails. */
  readonly remedy: string;
  /** Says what was found, or throws what is wrong. */
  readonly make: () => Promise<string>;
}

/** A check that was made, or left out because one before it failed. */
export interface CheckResult {
  readonly name: string;
  readonly state: "pass" | "fail" | "skipped";
  readonly detail: string;
  readonly remedy: string;
}

/** Makes `checks` in their order up to the first that fails, showing each as it ends. */
export async function makeChecks(
  checks: readonly Check[],
  { send, signal }: { readonly send?: SendDisplay; readonly signal?: AbortSignal } = {},
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  const display = liveDisplay({ send });
  const begin = performance.now();
  for (const { name, remedy, make } of checks) {
    signal?.throwIfAborted();
    if (results.some(({ state }) => state === "fail")) {
      results.push({ name, remedy, state: "skipped", detail: "needs what failed above" });
      continue;
    }
    await display.finish(checksTable(results, `${name} …`));
    try {
      results.push({ name, remedy, state: "pass", detail: await make() });
    } catch (error) {
      signal?.throwIfAborted();
      const detail = error instanceof Error ? error.message : String(error);
      results.push({ name, remedy, state: "fail", detail });
    }
  }
  const seconds = (performance.now() - begin) / 1000;
  await display.finish(
    checksTable(results, `${verdict(results)} after ${formatDuration(seconds)}`),
  );
  return results;
}

const MARKS: Readonly<Record<CheckResult["state"], Cell>> = {
  pass: { text: "✓ pass", as: "good" },
  fail: { text: "✗ fail", as: "bad" },
  skipped: { text: "– left out", as: "soft" },
};

function checksTable(results: readonly CheckResult[], note: string): View {
  return tableView({
    columns: ["", "check", "what was found"],
    rows: results.map(({ name, state, detail, remedy }) => [
      MARKS[state],
      name,
      state === "fail" ? `${detail}\nWhat to do: ${remedy}` : detail,
    ]),
    note,
  });
}

function verdict(results: readonly CheckResult[]): string {
  const passed = results.filter(({ state }) => state === "pass").length;
  return passed === results.length
    ? `All ${passed} checks passed`
    : `${passed} of ${results.length} checks passed`;
}

/** Throws {@linkcode TrainingError} that names each check that did not pass, and what to do. */
export function requirePassed(results: readonly CheckResult[]): void {
  const failed = results.filter(({ state }) => state === "fail");
  if (failed.length === 0) return;
  throw new TrainingError(
    `Cannot rely on this set-up: ${verdict(results)}; ` +
      failed.map(({ name, detail, remedy }) => `${name}: ${detail}. ${remedy}`).join("; "),
  );
}
