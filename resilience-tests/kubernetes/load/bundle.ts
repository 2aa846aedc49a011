import { join } from 'node:path';
import { build } from 'esbuild';

/** Bundles the programs that run in pods: one file each, which the image of the service or of k6 can run. */

const bundle = async (name: string, define: Record<string, string> = {}, external: string[] = []): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'node',
    external,
    define,
  });
  return outputFiles[0]?.text ?? '';
};

export const recorderScript = (): Promise<string> => bundle('recorder');
export const k6Script = (): Promise<string> => bundle('k6', {}, ['k6', 'k6/*']);
/** mysql2 is not bundled, because the image contains it. */
export const booksScript = (parameters: { prefix: string; key: string }): Promise<string> =>
  bundle('books', { PARAMETERS: JSON.stringify(parameters) }, ['mysql2']);
