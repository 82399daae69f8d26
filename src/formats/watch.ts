/**
 * Watching bytes on their way into a file.
 * @module
 */

/** Who is told of the bytes, and who may stop them. */
export interface WatchOptions {
  /** Called after each piece with the bytes that have passed so far, of all streams together. */
  readonly onProgress?: (bytes: number) => void;
  /** Where it is aborted, the stream throws its reason before the next piece. */
  readonly signal?: AbortSignal;
}

/** Makes streams of bytes that tell `onProgress` how much has passed and end where `signal` says so. */
export function watcher(
  { onProgress, signal }: WatchOptions,
): (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> {
  let passed = 0;
  return async function* (bytes) {
    for await (const piece of bytes) {
      signal?.throwIfAborted();
      yield piece;
      onProgress?.(passed += piece.length);
    }
  };
}
