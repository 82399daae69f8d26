export async function ensureAdapter(): Promise<void> {}
