import { sameContent } from '../../domain/content.ts';
import { clientOrderOf, firstVerdict, isLeg } from '../../domain/crossing.ts';
import { refusalOf } from '../../domain/rules.ts';
import type { Account, TransferOrder } from '../../domain/types.ts';

/** The content of a leg does not depend on its transit account. */
export const sameClientContent = (a: TransferOrder, b: TransferOrder): boolean =>
  a.leg?.name === b.leg?.name && sameContent(clientOrderOf(a), clientOrderOf(b));

export function refusalIn(order: TransferOrder, source: Account, destination: Account) {
  if (isLeg(order) && (order.leg.name === 'back' || order.leg.name === 'returns')) {
    if (destination.status === 'CLOSED') return 'account_closed';
    return destination.balance + order.amount > Number.MAX_SAFE_INTEGER ? 'balance_out_of_range' : null;
  }
  const own = refusalOf(source, destination, order.amount, order.currency);
  return firstVerdict(own && { refusal: own }, order.leg?.refusal ?? null)?.refusal ?? null;
}
