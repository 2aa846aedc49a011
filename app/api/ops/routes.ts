import type { ApiDependencies } from '../dependencies.ts';
import { type Route, route } from '../route.ts';
import { OpsStatus, Reconciliation } from './schema.ts';

const tag = 'Operations';

export function opsRoutes({ ops }: ApiDependencies): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/ops/status',
      scopes: ['ops'],
      tag,
      summary: 'How the ledger stands',
      answers: { 200: { description: 'The status', schema: OpsStatus } },
      problems: ['database_unavailable'],
      handle: async () => ({ status: 200, body: await ops.status() }),
    }),
    route({
      method: 'POST',
      path: '/v1/ops/reconciliations',
      scopes: ['ops'],
      tag,
      summary: 'Compare the books with each other, now',
      answers: { 200: { description: 'The result', schema: Reconciliation } },
      problems: ['ledger_switching', 'ledger_closed', 'database_unavailable'],
      handle: async () => ({ status: 200, body: await ops.reconcile() }),
    }),
  ];
}
