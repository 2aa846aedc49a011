import type { AcceptedLossStep } from '../../app/authority/authority-ports.ts';
import type { SimPod } from '../world/sim-pod.ts';
import type { World } from '../world/world.ts';
import type { Acceptance } from './sharded-plan.ts';

const ACCEPT_EVERY_MS = 80;

/** Accepts the loss page by page, as an operator does. */
export async function accept(world: World): Promise<void> {
  const recoveryStore = world.operator();
  const from = { ...world.mysql.tables.authority, ageMs: 0 };
  let step: AcceptedLossStep | null;
  do step = await recoveryStore.acceptLoss(from, { keeper: 'operator', reason: 'nobody waits any longer' });
  while (step && 'working' in step);
}

/**
 * Accepts a loss, as an operator does, as soon as there is one and no pod serves clients anymore.
 * @param isOver whether it is too late to accept it @param isDead pods that the operator knows to be dead
 */
export function acceptFor(
  world: World,
  { atMs, forMs }: Acceptance,
  isOver: () => boolean = () => world.healed,
  isDead: (pod: SimPod) => boolean = () => false,
): void {
  const { scheduler, mysql } = world;
  const tryOnce = () => {
    if (isOver() || scheduler.nowMs > atMs + forMs) return;
    const { mode, cacheEpoch } = mysql.tables.authority;
    const waits = cacheEpoch !== null && (mode === 'CLOSING' || mode === 'DIRECT');
    if (waits && world.livePods.every((pod) => isDead(pod) || pod.session.view() === null))
      accept(world).catch(() => {});
    else scheduler.after(ACCEPT_EVERY_MS, tryOnce);
  };
  tryOnce();
}
