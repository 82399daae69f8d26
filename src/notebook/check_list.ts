/**
 * A list of checks that fills in as they are made: each passes or fails with what to do.
 * @module
 */
import { formatDuration } from "../cli/format.ts";
import { TrainingError } from "../errors.ts";
import { liveDisplay, type SendDisplay } from "./kernel.ts";
import { type Cell, tableView } from "./table.ts";
import type { View } from "./view.ts";

/** What a check found, or why it does not apply. */
export type Finding = string | { readonly notApplicable: string };

/** A check to be made. */
export interface Check {
  readonly name: string;
  /** What to do where it fails with `error`. */
  readonly remedy: (error: unknown) => string;
  /** Says what was found, or throws what is wrong; `tell` shows how far it is. */
  readonly make: (tell: (state: string) => void) => Promise<Finding>;
}

/** A check that was made, or left out because one before it failed. */
export interface CheckResult {
  readonly name: string;
  readonly state: "pass" | "fail" | "skipped" | "not applicable";
  readonly detail: string;
  /** Null unless it failed. */
  readonly remedy: string | null;
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
      results.push({ name, state: "skipped", detail: "needs what failed above", remedy: null });
      continue;
    }
    await display.finish(checksTable(results, `${name} …`));
    const tell = (state: string) =>
      void display.update(() => checksTable(results, `${name} … ${state}`));
    try {
      const found = await make(tell);
      results.push(
        typeof found === "string"
          ? { name, state: "pass", detail: found, remedy: null }
          : { name, state: "not applicable", detail: found.notApplicable, remedy: null },
      );
    } catch (error) {
      signal?.throwIfAborted();
      const detail = error instanceof Error ? error.message : String(error);
      results.push({ name, state: "fail", detail, remedy: remedy(error) });
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
  "not applicable": { text: "– does not apply", as: "soft" },
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
  const made = results.filter(({ state }) => state !== "not applicable");
  const passed = made.filter(({ state }) => state === "pass").length;
  if (passed < made.length) return `${passed} of ${made.length} checks passed`;
  return `All ${passed} checks${made.length < results.length ? " that apply" : ""} passed`;
}

/** Whether every check that applies passed. */
export function allPassed(results: readonly CheckResult[]): boolean {
  return results.every(({ state }) => state === "pass" || state === "not applicable");
}

/** Throws {@linkcode TrainingError} that names each check that failed, and what to do. */
export function requirePassed(results: readonly CheckResult[]): void {
  const failed = results.filter(({ state }) => state === "fail");
  if (failed.length === 0) return;
  throw new TrainingError(
    `Cannot rely on this set-up: ${verdict(results)}; ` +
      failed.map(({ name, detail, remedy }) => `${name}: ${detail}. ${remedy}`).join("; "),
  );
}
