/**
 * Times work on a GPU. Knows no device, so that other libraries are timed the same way.
 * @module
 */

/** What one timing should take at least, so that waiting for the GPU does not count. */
const LEAST_SECONDS = 0.05;

const MOST_RUNS = 1000;

/**
 * Times `work` several times and gives the fastest in seconds. What is too short to be timed alone is
 * done many times between two waits.
 *
 * @param work hands work to the GPU
 * @param wait waits until the GPU has done it
 */
export async function fastestRun(
  repeats: number,
  work: () => void | Promise<void>,
  wait: () => Promise<unknown>,
): Promise<number> {
  const time = async (runs: number) => {
    const begin = performance.now();
    for (let run = 0; run < runs; run++) await work();
    await wait();
    return (performance.now() - begin) / 1000 / runs;
  };
  await time(1); // compilation and first use do not count
  const first = await time(1);
  const runs = Math.min(MOST_RUNS, Math.ceil(LEAST_SECONDS / first));
  let best = runs === 1 ? first : Infinity;
  for (let i = runs === 1 ? 1 : 0; i < repeats; i++) best = Math.min(best, await time(runs));
  return best;
}
