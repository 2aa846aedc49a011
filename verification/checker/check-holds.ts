import type { BookedHold, BookedHoldEvent, BookedTransfer, Books, HoldAfter } from './books.ts';
import { append, type CaptureContent, type HoldShown } from './history.ts';
import type { Violations } from './violations.ts';

/** How long a hold stays open if the client sets no end, ms. */
const DEFAULT_MS = 7 * 24 * 60 * 60 * 1000;

/** The amount that a hold reserves in this state. */
export const leftOf = ({ status, amount, captured }: HoldShown): number => (status === 'OPEN' ? amount - captured : 0);

/** An event of a hold, or a capture. */
interface Step extends HoldAfter {
  kind: BookedHoldEvent['kind'] | 'CAPTURED';
  accountId: string;
  currency: string;
  version: number;
  acceptedAt: number | null;
  /** For a capture. */
  moved?: number;
  capture?: CaptureContent;
  destination?: string;
}

/**
 * Checks that the events of each hold are complete and follow from one another: nothing follows a final state, no more
 * than the amount is captured, captures are accepted before `expiresAt`, and an expiry is accepted only from then on.
 * Independent of app/domain.
 */
export function checkHolds({ holds = [], holdEvents = [], transfers }: Books, violations: Violations): void {
  const steps = stepsByHold(holdEvents, transfers);
  for (const hold of holds) {
    const { holdId } = hold;
    checkHold(hold, steps.get(holdId) ?? [], violations);
    steps.delete(holdId);
  }
  for (const holdId of steps.keys()) violations.add('phantom', `hold ${holdId} has events, but is not in MySQL`);
  const rows = new Map(holds.map((hold) => [hold.holdId, hold]));
  for (const row of transfers) {
    const hold = row.content.capture && rows.get(row.content.capture.holdId);
    if (hold && row.source) checkDestination(hold, row, violations);
  }
}

function stepsByHold(events: readonly BookedHoldEvent[], transfers: readonly BookedTransfer[]): Map<string, Step[]> {
  const steps = new Map<string, Step[]>();
  for (const event of events) append<Step>(steps, event.holdId, event);
  for (const { content, source, acceptedAt, hold } of transfers) {
    const { capture, source: accountId, currency, amount: moved, destination } = content;
    if (!capture || !source || !hold) continue;
    const common = { kind: 'CAPTURED' as const, accountId, currency, acceptedAt, moved, capture, destination };
    append<Step>(steps, capture.holdId, { ...hold, ...common, version: source.version });
  }
  return steps;
}

function checkHold(row: BookedHold, steps: Step[], violations: Violations): void {
  const { holdId, content, refusal } = row;
  let before: HoldShown | null = null;
  let version = 0;
  steps.sort((a, b) => a.hold.revision - b.hold.revision);
  for (const [index, step] of steps.entries()) {
    const name = `hold ${holdId} r${step.hold.revision} (${step.kind})`;
    if (step.hold.revision !== index + 1) violations.add('gap', `${name} follows r${index}`);
    if (step.version <= version) violations.add('hold', `${name} is version ${step.version}, after ${version}`);
    if (step.accountId !== content.account || step.currency !== content.currency)
      violations.add('hold', `${name} belongs to ${step.accountId} in ${step.currency}`);
    const wrong = before ? wrongWith(step, before) : wrongWithPlacing(step, row);
    if (wrong) violations.add('hold', `${name}: ${wrong}`);
    [before, version] = [step.hold, step.version];
  }
  if (refusal !== null && steps.length > 0) violations.add('hold', `hold ${holdId} was refused, but has events`);
  if (!sameState(row.hold, before))
    violations.add('hold', `MySQL has hold ${holdId} as ${stateText(row.hold)}, not as ${stateText(before)}`);
}

function wrongWithPlacing({ kind, hold, acceptedAt }: Step, { content }: BookedHold): string | null {
  if (kind !== 'PLACED') return 'it was not placed before';
  const end = content.expiresAt ?? (acceptedAt ?? 0) + DEFAULT_MS;
  const wanted = { status: 'OPEN', amount: content.amount, captured: 0, expiresAt: end, revision: 1 } as const;
  if (!sameState(hold, wanted)) return `it was placed as ${stateText(hold)}, not as ${stateText(wanted)}`;
  return acceptedAt !== null && acceptedAt >= end ? 'it was placed after its expiry time' : null;
}

/** Describes why a step cannot follow a state of the hold; null if it can. */
function wrongWith(step: Step, before: HoldShown): string | null {
  const { kind, hold, acceptedAt, heldChange } = step;
  if (before.status !== 'OPEN') return `it was ${before.status} before`;
  const isDue = acceptedAt !== null && acceptedAt >= before.expiresAt;
  if (isDue && (kind === 'CHANGED' || kind === 'CAPTURED'))
    return `it was accepted at ${acceptedAt}, but the hold ended at ${before.expiresAt}`;
  if (kind === 'EXPIRED' && !isDue)
    return `it was accepted at ${acceptedAt}, before the hold ends at ${before.expiresAt}`;
  if (heldChange !== leftOf(hold) - leftOf(before)) return `it changes the held amount by ${heldChange}`;
  const wanted = stateAfter(step, before);
  if (typeof wanted === 'string') return wanted;
  return sameState(hold, wanted) ? null : `it is ${stateText(hold)}, not ${stateText(wanted)}`;
}

function stateAfter({ kind, hold, moved = 0, capture }: Step, before: HoldShown): HoldShown | string {
  const revision = before.revision + 1;
  if (kind === 'PLACED') return 'it was placed before';
  if (kind === 'VOIDED' || kind === 'EXPIRED') return { ...before, status: kind, revision };
  if (kind === 'CHANGED') {
    if (hold.amount <= before.captured) return `nothing is left of it: ${stateText(hold)}`;
    return { ...before, amount: hold.amount, expiresAt: hold.expiresAt, revision };
  }
  const left = leftOf(before);
  if (moved > left || moved <= 0) return `${moved} was captured, but ${left} was left`;
  if (moved !== (capture?.amount ?? left)) return `${moved} was captured, but ${capture?.amount ?? left} was requested`;
  const status = capture?.final || moved === left ? 'CAPTURED' : 'OPEN';
  return { ...before, captured: before.captured + moved, status, revision };
}

function checkDestination({ holdId, content }: BookedHold, row: BookedTransfer, violations: Violations): void {
  const { destination, capture } = row.content;
  const wanted = content.destination ?? capture?.destination;
  if (destination !== wanted)
    violations.add('hold', `${row.transactionId} captures hold ${holdId} to ${destination}, not to ${wanted}`);
}

export function sameState(a: HoldShown | null, b: HoldShown | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.status === b.status &&
    a.amount === b.amount &&
    a.captured === b.captured &&
    a.expiresAt === b.expiresAt &&
    a.revision === b.revision
  );
}

export const stateText = (hold: HoldShown | null): string =>
  hold ? `${hold.status} ${hold.captured}/${hold.amount} until ${hold.expiresAt} (r${hold.revision})` : 'refused';
