import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A Lua script with its includes inserted, and the SHA-1 that identifies it in Redis. */
export interface Script {
  name: string;
  text: string;
  sha: string;
}

const folder = new URL('./lua/', import.meta.url);
const INCLUDE = /^--@include ([a-z-]+)$/gm;

export function loadScript(name: string): Script {
  const main = readFileSync(new URL(`${name}.lua`, folder), 'utf8');
  const text = main.replace(INCLUDE, (_, piece: string) =>
    readFileSync(new URL(`includes/${piece}.lua`, folder), 'utf8').trimEnd(),
  );
  return { name, text, sha: createHash('sha1').update(text).digest('hex') };
}
