import type { Database } from "./database.ts";
export function openChildDatabase(
  _path: string,
  _o: { name?: string; maxMemory: number; maxLength: number },
): Promise<Database> {
  throw new Error("x");
}
