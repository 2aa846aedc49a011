import { unwindowed } from '../../domain/business-calendar.ts';
import { replay } from '../../domain/content.ts';
import { replayHold } from '../../domain/hold-events.ts';
import { holdRefusalDetail } from '../../domain/hold-refusals.ts';
import type { HoldState } from '../../domain/hold-types.ts';
import type { HoldChange, HoldOrder } from '../../domain/holds.ts';
import type { Identity } from '../../domain/identity.ts';
import { formatSum } from '../../domain/money.ts';
import { Problem } from '../../domain/problem.ts';
import type { CaptureOrder, HoldFacts, HoldPreview, HoldRequest, Holds } from '../../ledger/ports/holds.ts';
import { type Books, type Ledger, windowsIn } from '../../ledger/ports/ledger.ts';
import { orNull } from '../transfers/dry-run.ts';
import { limitFigures } from '../transfers/transfer-refusal.ts';
import { previewAnswer } from '../transfers/transfer-schema.ts';
import { captureAnswer } from './capture-schema.ts';
import { etagOf, holdAnswer, placingProblem, stateAnswer } from './hold-schema.ts';

/** What a dry run reads. It writes nothing, and does not use up an id. */
interface Stores {
  holds: Holds;
  ledger: Pick<Ledger, 'outcome'>;
  books: Pick<Books, 'businessWindows'>;
}

type Item = Parameters<Holds['preview']>[0];

/** @param id the client's id, which may already have an outcome. @throws Problem as placing the hold would */
export async function dryPlacing(stores: Stores, order: HoldOrder, id: string | null, identity: Identity) {
  const existing =
    id === null ? null : await orNull('hold_not_found', () => stores.holds.hold(id, { account: order.account }));
  if (existing) {
    const { event, persisted } = existing;
    const { epoch, seq } = event;
    const answer = replayHold({ order, takenAt: 0, inDoubt: false }, { event, epoch, seq, persisted, replayed: true });
    if (answer instanceof Problem) throw answer;
    if (existing.hold === null) throw placingProblem(existing.event, identity);
    const durability = persisted ? 'persisted' : 'cache';
    return {
      status: 200,
      body: holdAnswer(event.order, event.acceptedAt, existing.hold, { durability, replayed: true }),
      headers: etagOf(existing.hold),
    };
  }
  const shown = await previewed(stores, { op: 'place', order }, identity);
  const { holdId, ...body } = shown.body;
  return { status: 200, body: id === null ? body : { holdId, ...body } };
}

/** @param id the client's id, which may already have an outcome. @throws Problem as the capture would */
export async function dryCapture(
  stores: Stores,
  { order, facts, id }: { order: CaptureOrder; facts: HoldFacts; id: string | null },
  identity: Identity,
) {
  const existing =
    id === null ? null : await orNull('transfer_not_found', () => stores.ledger.outcome(id, { account: order.source }));
  if (existing) {
    const answer = replay({ order, takenAt: 0, inDoubt: false }, existing);
    if (answer instanceof Problem) throw answer;
    return { status: 200, body: captureAnswer(answer, facts, 'cache', identity).body };
  }
  const { body, preview, moved } = await previewed(stores, { op: 'capture', order }, identity);
  const { account, destination } = preview;
  if (!destination) throw new TypeError('a capture has a destination');
  const side = ({ balance, version, settingsVersion }: typeof account, by: number) => ({
    balance: balance + by,
    version: version + 1,
    settingsVersion,
  });
  const sides = { source: side(account, -moved), destination: side(destination, moved) };
  return { status: 200, body: { ...previewAnswer({ ...order, amount: moved }, sides, id, identity), hold: body } };
}

export async function dryChange(stores: Stores, wanted: HoldChange, request: HoldRequest, identity: Identity) {
  const { body } = await previewed(stores, { op: 'change', wanted, ...request }, identity);
  return { status: 200, body };
}

export async function dryVoid(stores: Stores, request: HoldRequest, identity: Identity) {
  const { body } = await previewed(stores, { op: 'void', ...request }, identity);
  return { status: 200, body };
}

async function previewed({ holds, books }: Stores, item: Item, identity: Identity) {
  const preview = await holds.preview(item, windowsIn(books));
  const { decision, account } = preview;
  const facts = factsIn(item, preview);
  if (decision.kind === 'clock_unsure' || decision.kind === 'calendar_unavailable') throw unwindowed(decision.kind);
  if (decision.kind === 'refused') {
    const { holdId, account: id, destination, currency } = facts;
    const about = { what: item.op, holdId, account: id, destination, currency };
    throw new Problem(decision.refusal, holdRefusalDetail(decision.refusal, about), {
      holdId,
      ...limitFigures(decision.limit, facts, identity),
    });
  }
  const changes = decision.kind === 'changes' ? decision : { hold: stateIn(preview), heldChange: 0, moved: 0 };
  const { heldChange, moved } = changes;
  const available = formatSum(
    account.currency,
    account.balance - moved,
    -account.held - heldChange,
    account.overdraftLimit,
  );
  const body = {
    ...stateAnswer(facts, changes.hold),
    dryRun: true as const,
    ...(identity.scopes.has('balances:read') && { available }),
  };
  return { body, preview, moved };
}

function stateIn({ hold }: HoldPreview): HoldState {
  if (!hold) throw new TypeError('only an existing hold can stay as it is');
  return hold;
}

function factsIn(item: Item, { hold }: HoldPreview): HoldFacts {
  if (hold) return hold;
  if (item.op !== 'place') throw new TypeError(`${item.op} of a hold that was not placed`);
  return item.order;
}
