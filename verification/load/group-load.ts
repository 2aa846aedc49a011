import { randomUUID } from 'node:crypto';
import type { GroupOrder } from '../../app/domain/group.ts';
import { newUuidV7 } from '../../app/domain/ids.ts';
import type { TransferOrder } from '../../app/domain/types.ts';
import type { Answer, TransferContent } from '../checker/history.ts';
import { type Client, NoAnswer, type Reply } from '../harness/client.ts';
import { answerOf, answerOfReply, answerOfSilence, fieldsOf, majorUnits } from './answers.ts';
import type { Population } from './population.ts';
import type { Recorder } from './recorder.ts';

const MEMBERS_MIN = 2;
const MEMBERS_MAX = 5;

/**
 * A new group of transfers between any accounts. It gets a new correlation id each time it is sent.
 * @param ownIds the share of the ids that are not UUIDv7s
 */
export function newGroup(population: Population, ownIds: number): GroupOrder {
  const pick = population.inOneShard?.() ?? (() => population.pick());
  const groupId = newId(ownIds);
  const count = MEMBERS_MIN + Math.floor(Math.random() * (MEMBERS_MAX - MEMBERS_MIN + 1));
  const orders = Array.from({ length: count }, () => memberOf(groupId, newId(ownIds), pick()));
  return { groupId, orders, split: null };
}

const newId = (ownIds: number): string => (Math.random() < ownIds ? `own:${randomUUID()}` : newUuidV7(Date.now()));

function memberOf(groupId: string, transactionId: string, content: TransferContent): TransferOrder {
  const nothing = { timestamp: null, reference: null, metadata: null, reverses: null };
  return { kind: 'transfer', transactionId, groupId, ...content, ...nothing, user: 'load', correlationId: '' };
}

/** Sends a group, for the first time or again, and records what the answer means for each of its transfers. */
export async function sendGroup(client: Client, recorder: Recorder, group: GroupOrder): Promise<void> {
  const correlationId = recorder.newCorrelationId();
  const { groupId, orders } = group;
  const known = recorder.ofGroup(group);
  const completions = orders.map((order) => recorder.attempt(order.transactionId, contentOf(order), correlationId));
  recorder.requests += 1;
  let answers: Answer[];
  try {
    const reply = await client.post('/v1/transfers/group', { groupId, transfers: orders.map(bodyOf) }, correlationId);
    if (isPosted(reply)) known.answers.push('posted');
    if (isRefused(reply)) known.answers.push('rejected');
    answers = answersOf(group, reply);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    answers = orders.map(() => answerOfSilence(error));
  }
  completions.forEach((complete, index) => {
    complete(answers[index] ?? { kind: 'unknown', reason: 'missing from the answer' });
  });
}

const isPosted = ({ status }: Reply): boolean => status === 200 || status === 201;
const isRefused = ({ status, body }: Reply): boolean => status === 422 && fieldsOf(body)['code'] === 'group_refused';

/** The meaning of an answer to a group for the ids of its transfers. A refused group leaves these ids free. */
export function answersOf({ orders }: GroupOrder, reply: Reply): Answer[] {
  const { status, body } = reply;
  if (isPosted(reply)) {
    // Each transfer belongs to the group that the answer names.
    const { transfers, groupId } = fieldsOf(body);
    return orders.map(({ currency }, index) =>
      Array.isArray(transfers) && transfers[index]
        ? answerOf(status, { ...fieldsOf(transfers[index]), groupId }, currency)
        : { kind: 'unknown', reason: 'missing from the answer' },
    );
  }
  if (isRefused(reply)) return orders.map(() => ({ kind: 'refused', status, code: 'group_refused' }));
  return orders.map(({ currency }) => answerOfReply(reply, currency));
}

const contentOf = ({ source, destination, amount, currency, groupId }: TransferOrder): TransferContent => ({
  ...{ source, destination, amount, currency },
  ...(groupId !== undefined && { groupId }),
});

const bodyOf = ({ transactionId, source, destination, amount, currency }: TransferOrder): object => ({
  transactionId,
  sourceAccount: source,
  destinationAccount: destination,
  amount: majorUnits(amount, currency),
  currency,
});
