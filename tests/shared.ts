/**
 * Finds the material that lies beside the project (`../shared`): golden outputs of the Python stack
 * and real data sets. It is for testing only and not part of the project, so tests that need it are
 * registered as ignored, visibly, where it is missing.
 * @module
 */
const root = new URL("../../shared/", import.meta.url);

function exists(url: URL): boolean {
  try {
    Deno.statSync(url);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The absolute path of a file under `../shared`, or null where `../shared` is missing. */
export function sharedPath(relative: string): string | null {
  return exists(root) ? decodeURIComponent(new URL(relative, root).pathname) : null;
}

/**
 * Registers a test that needs `../shared`. `fn` gets a function that resolves paths inside it. Where
 * the folder is missing, the test is registered as ignored and its name says why.
 */
export function sharedTest(
  name: string,
  fn: (path: (relative: string) => string) => void | Promise<void>,
): void {
  const present = exists(root);
  Deno.test({
    name: present ? name : `${name} (needs ../shared)`,
    ignore: !present,
    fn: () => fn((relative) => decodeURIComponent(new URL(relative, root).pathname)),
  });
}
