import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { member } from './client.ts';

/**
 * The time from which the ids of a generated bank are counted on this stack: that of the first demo with these options,
 * stored in the stack's own folder, so that a second demo generates the same ids, and a new stack gets new ones (which
 * take the service's fast path).
 */
export async function idsFromOf(stackDir: string, options: string, nowMs: number): Promise<number> {
  const path = join(stackDir, 'demo.json');
  const known = await readKnown(path);
  const from = known[options];
  if (from !== undefined) return from;
  await writeFile(path, `${JSON.stringify({ ...known, [options]: nowMs }, null, 2)}\n`);
  return nowMs;
}

async function readKnown(path: string): Promise<Record<string, number>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, number>;
  } catch (error) {
    if (member(error, 'code') === 'ENOENT') return {};
    throw new Error(`${path} cannot be read; delete it and start with an empty stack`, { cause: error });
  }
}
