/**
 * Applies a write-ahead log to the image of its database. SQLite itself would need to write for that:
 * the index of the log is a file that it maps into memory.
 *
 * Format: https://www.sqlite.org/fileformat.html#the_write_ahead_log.
 * @module
 */

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Without the last bit, which says that checksums are of big-endian words. */
const MAGIC = 0x377f0682;

/**
 * The image with all transactions of the log that were committed, in a new array if there are any.
 * A log that is damaged or left over from before counts up to its last whole transaction, as it does
 * for SQLite.
 */
export function applyLog(image: Uint8Array<ArrayBuffer>, log: Uint8Array): Uint8Array<ArrayBuffer> {
  if (log.length < HEADER_BYTES) return image;
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  const magic = view.getUint32(0);
  const stored = view.getUint32(8);
  const pageSize = stored === 1 ? 65_536 : stored;
  const usable = (magic & ~1) === MAGIC && pageSize >= 512 && (pageSize & (pageSize - 1)) === 0;
  if (!usable) return image;
  const sum = checksum(view, (magic & 1) === 0);
  sum.add(0, 24);
  if (!sum.isAt(24)) return image;

  const offsets = new Map<number, number>(); // page number → offset of its newest content
  const pending = new Map<number, number>();
  let pageCount = 0;
  const frameBytes = FRAME_HEADER_BYTES + pageSize;
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    // Frames of an older log, which is written over from the start, have other salts.
    const current = view.getBigUint64(at + 8) === view.getBigUint64(16);
    sum.add(at, 8);
    sum.add(at + FRAME_HEADER_BYTES, pageSize);
    if (!current || !sum.isAt(at + 16)) break;
    pending.set(view.getUint32(at), at + FRAME_HEADER_BYTES);
    const count = view.getUint32(at + 4);
    if (count === 0) continue;
    if (count * pageSize > image.length + log.length) break;
    pageCount = count;
    for (const [page, offset] of pending) offsets.set(page, offset);
    pending.clear();
  }
  if (pageCount === 0) return image;

  const result = new Uint8Array(pageCount * pageSize);
  result.set(image.subarray(0, result.length));
  for (const [page, offset] of offsets) {
    if (page < 1 || page > pageCount) continue;
    result.set(log.subarray(offset, offset + pageSize), (page - 1) * pageSize);
  }
  return result;
}

// Two sums over pairs of words, each of which goes into the other; they go on from frame to frame.
function checksum(view: DataView, littleEndian: boolean) {
  let [first, second] = [0, 0];
  return {
    add(start: number, length: number): void {
      for (let at = start; at < start + length; at += 8) {
        first = (first + view.getUint32(at, littleEndian) + second) >>> 0;
        second = (second + view.getUint32(at + 4, littleEndian) + first) >>> 0;
      }
    },
    isAt: (at: number) => view.getUint32(at) === first && view.getUint32(at + 4) === second,
  };
}
