/**
 * The part of `@std/assert` that this project uses, over `node:assert/strict`, so that a clone works
 * where JSR is not reachable. To use the original, point `@std/assert` in `deno.json` at
 * `jsr:@std/assert@1`.
 * @module
 */
import nodeAssert from "node:assert/strict";

/** Asserts that `condition` is truthy. */
export function assert(condition: unknown, message?: string): asserts condition {
  nodeAssert.ok(condition, message);
}

/** Asserts deep, strict equality. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepEqual(actual, expected, message);
}

/** Asserts that `actual` and `expected` differ by at most `tolerance`. NaN never passes. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance = 1e-7,
  message?: string,
): void {
  const close = Object.is(actual, expected) || Math.abs(actual - expected) <= tolerance;
  nodeAssert.ok(close, message ?? `${actual} is not within ${tolerance} of ${expected}`);
}

/** Asserts that `text` matches `pattern`. */
export function assertMatch(text: string, pattern: RegExp, message?: string): void {
  nodeAssert.match(text, pattern, message);
}

/** Asserts that `text` contains `part`. */
export function assertStringIncludes(text: string, part: string, message?: string): void {
  nodeAssert.ok(
    text.includes(part),
    message ?? `${JSON.stringify(text)} lacks ${JSON.stringify(part)}`,
  );
}

// deno-lint-ignore no-explicit-any -- the signature of @std/assert
type ErrorClass<E extends Error> = new (...args: any[]) => E;

function checkError<E extends Error>(error: unknown, type: ErrorClass<E>, includes?: string): E {
  nodeAssert.ok(
    error instanceof type,
    `expected ${type.name}, got ${
      error instanceof Error ? `${error.name}: ${error.message}` : error
    }`,
  );
  if (includes !== undefined) assertStringIncludes(error.message, includes);
  return error;
}

/** Asserts that `fn` throws an error of `type` whose message contains `includes`; returns it. */
export function assertThrows<E extends Error>(
  fn: () => unknown,
  type: ErrorClass<E>,
  includes?: string,
): E {
  try {
    fn();
  } catch (error) {
    return checkError(error, type, includes);
  }
  throw new nodeAssert.AssertionError({ message: `expected ${type.name}, nothing was thrown` });
}

/** Asserts that the promise of `fn` rejects with an error of `type`; returns the error. */
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  type: ErrorClass<E>,
  includes?: string,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    return checkError(error, type, includes);
  }
  throw new nodeAssert.AssertionError({ message: `expected ${type.name}, nothing was thrown` });
}
