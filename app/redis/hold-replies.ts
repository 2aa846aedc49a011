import type { CachedHold } from '../journal/cache-port.ts';
import { decodeHold } from '../journal/cached-hold-codec.ts';
import { decodeHead, type Head } from '../journal/codec.ts';

/** Decodes the reply of a script that returns holds: the head, then, for each id, the hold or an empty string. */
export function holdsIn(reply: unknown, holdIds: readonly string[]): { head: Head; holds: (CachedHold | null)[] } {
  const [head, ...found] = reply as [Buffer, ...Buffer[]];
  const holds = holdIds.map((id, index) => {
    const bytes = found[index];
    return bytes && bytes.length > 0 ? decodeHold(id, bytes) : null;
  });
  return { head: decodeHead(head), holds };
}
