/**
 * Validation on instruction records of one's own, with or without their databases.
 * @module
 */
import { alpaca } from "../../data/alpaca.ts";
import type { Benchmark, BenchmarkSource } from "../benchmark.ts";
import { locateFile, locateIn, openDatabases } from "../databases.ts";
import { loadQuestions } from "../questions.ts";
import { ownRules } from "./rules.ts";

/** Opens a file of records. Throws {@linkcode FormatError} where it cannot be read as that. */
export async function openInternal(source: BenchmarkSource): Promise<Benchmark> {
  const questions = await loadQuestions(alpaca, { ...source, gold: null });
  const databases = source.db !== null
    ? openDatabases(locateFile(source.db))
    : source.dbDir !== null
    ? openDatabases(locateIn(source.dbDir, { scripts: true }))
    : null;
  return await ownRules({ name: "internal", questions, databases, timeoutMs: source.timeoutMs });
}
