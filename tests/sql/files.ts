/**
 * Database files for tests, made by another SQLite than the one that is tested.
 * @module
 */
import { DatabaseSync } from "node:sqlite";

/** A folder that is removed at the end of the process. */
export function temporaryFolder(): string {
  const folder = Deno.makeTempDirSync({ prefix: "sqlora-sql-" });
  addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  return folder;
}

/** Makes a database file by a script. */
export function makeDatabase(path: string, script: string): void {
  using database = new DatabaseSync(path);
  database.exec(script);
}

/** The names and contents of the files under a folder, as one text that tells any two states apart. */
export async function fingerprint(folder: string): Promise<string> {
  const lines: string[] = [];
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    if (!isFile) {
      lines.push(name);
      continue;
    }
    const digest = await crypto.subtle.digest("SHA-256", Deno.readFileSync(`${folder}/${name}`));
    lines.push(`${name} ${new Uint8Array(digest).toHex()}`);
  }
  return lines.sort().join("\n");
}
