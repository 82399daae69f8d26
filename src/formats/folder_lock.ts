/**
 * One writer of a folder at a time.
 * @module
 */
import { join } from "node:path";
import { checkWritableFolder } from "./atomic.ts";

/**
 * Waits until no other process holds the folder, and holds it until it is disposed; a process that is
 * killed holds nothing any more. The folder is made if it is not there. Throws FormatError where it
 * cannot be written.
 */
export async function lockFolder(folder: string): Promise<Disposable> {
  await checkWritableFolder(folder);
  const path = join(folder, ".lock");
  while (true) {
    const file = await Deno.open(path, { write: true, create: true });
    await file.lock(true);
    // Who held it before has removed its file, so the lock may be on one that is gone.
    const [locked, present] = await Promise.all([file.stat(), Deno.stat(path).catch(() => null)]);
    if (present?.ino === locked.ino) {
      return {
        [Symbol.dispose]() {
          Deno.removeSync(path);
          file.close();
        },
      };
    }
    file.close();
  }
}
