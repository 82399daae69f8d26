/**
 * The commit that the project's code is at.
 * @module
 */

import { fileURLToPath } from "node:url";

/** The commit hash of the checkout that this file belongs to; null outside one, or without git. */
export async function gitCommit(): Promise<string | null> {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["-C", folder, "rev-parse", "HEAD"],
      // Deno refuses to pass on LD_LIBRARY_PATH under a scoped --allow-run, and git needs nothing.
      clearEnv: true,
      stdout: "piped",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
