/**
 * A clock for deadlines on a machine whose cores other processes use too.
 * @module
 */

// Opened here, since tests with fewer permissions may not.
const statistics = openStatistics();

function openStatistics(): Deno.FsFile | null {
  try {
    return Deno.openSync("/proc/thread-self/schedstat");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Milliseconds in which this thread did not wait for a core, from an arbitrary start: the wall clock
 * less what Linux's scheduler says the thread has waited (the second number of `schedstat`, in
 * nanoseconds), or just the wall clock elsewhere. Where the machine is idle, both are the same.
 */
export function ownTime(): number {
  if (!statistics) return performance.now();
  const bytes = new Uint8Array(100);
  statistics.seekSync(0, Deno.SeekMode.Start);
  const length = statistics.readSync(bytes) ?? 0;
  const [, waited] = new TextDecoder().decode(bytes.subarray(0, length)).split(" ");
  return performance.now() - Number(waited) / 1e6;
}
