/** Writes the package that is published into `outdir`, which is emptied first. */
export function buildPackage(outdir: string): Promise<void>
