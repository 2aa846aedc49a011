import { mkdirSync, writeFileSync } from 'node:fs';
import { RUN, STATE } from './settings.ts';

/** Records which cluster is up, for later commands. */
export function writeState(provider: string, nodes: number): void {
  mkdirSync(RUN, { recursive: true, mode: 0o700 });
  writeFileSync(STATE, JSON.stringify({ provider, nodes }));
}
