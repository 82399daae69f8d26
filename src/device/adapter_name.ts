/**
 * What an adapter is called.
 * @module
 */

/** Its name as the driver gives it; drivers differ in where they put it. */
export function adapterName({ description, device }: GPUAdapterInfo): string {
  return description || device || "unnamed adapter";
}
