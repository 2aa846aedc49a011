import type { Authority, MovedBy } from '../../domain/authority.ts';
import type { EpochRecoveryStore, KeeperAuthority } from '../authority-ports.ts';

interface Stores {
  authority: Pick<KeeperAuthority, 'read' | 'move'>;
  recoveryStore: Pick<EpochRecoveryStore, 'acceptLoss'>;
}

/**
 * Ends the epoch of a database without reading the journal, which belongs to another database or does not match this
 * one. Whatever MySQL does not contain is dropped, as if an operator had accepted its loss. Afterwards the mode is
 * DIRECT, and nothing is pending. If a call is interrupted, call again.
 * @throws Error if the authority has moved in the meantime
 */
export async function endEpochWithoutJournal({ authority, recoveryStore }: Stores, by: MovedBy): Promise<Authority> {
  const now = await authority.read();
  const closing = now.mode === 'CACHE' ? moved(await authority.move(now, 'CLOSING', by)) : now;
  if (closing.cacheEpoch === null)
    return closing.mode === 'DIRECT' ? closing : moved(await authority.move(closing, 'DIRECT', by));
  for (;;) {
    const step = moved(await recoveryStore.acceptLoss(closing, by));
    // The loss is accepted page by page.
    if (!('working' in step)) return step.authority;
  }
}

function moved<T>(result: T | null): T {
  if (result === null) throw new Error('the authority has moved in the meantime');
  return result;
}
