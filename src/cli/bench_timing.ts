/**
 * Times work on a GPU. Knows no device, so that other libraries are timed the same way.
 * @module
 */

/** What one timing should take at least: Deno notices the end of work up to 10 ms late. */
const LEAST_SECONDS = 0.4;

/** The same where a rough figure is enough, as with one repeat. */
export const ROUGH_SECONDS = 0.1;

const MOST_RUNS = 1024;

/**
 * Times `work` several times and gives the fastest in seconds. What is too short to be timed alone is
 * done many times between two waits.
 *
 * @param work hands work to the GPU
 * @param wait waits until the GPU has done it
 * @param least seconds that one timing should take at least
 */
export async function fastestRun(
  repeats: number,
  work: () => void | Promise<void>,
  wait: () => Promise<unknown>,
  least = repeats > 1 ? LEAST_SECONDS : ROUGH_SECONDS,
): Promise<number> {
  const time = async (runs: number) => {
    const begin = performance.now();
    for (let run = 0; run < runs; run++) await work();
    await wait();
    return (performance.now() - begin) / 1000;
  };
  await time(1); // compilation and first use do not count
  let runs = 1;
  let total = await time(runs);
  while (total < least && runs < MOST_RUNS) {
    // By steps, because in the first times most may be the wait.
    runs *= total < least / 4 ? 4 : 2;
    total = await time(runs);
  }
  let best = total;
  for (let i = 1; i < repeats; i++) best = Math.min(best, await time(runs));
  return best / runs;
}
