import { setTimeout as sleep } from 'node:timers/promises';
import { kubectl } from '../../../devstack/cluster/commands.ts';
import type { ApiServer } from '../cluster/api-server.ts';
import { isReady, podsOf } from '../cluster/pods.ts';
import type { Release } from '../cluster/release.ts';

/** Requests of an operator, sent from an API pod, because no other way works in every cluster. */

const FLUSHED_MS_MAX = 120_000;

export interface Status {
  mode: string;
  epoch: number;
  journal: { length: number | null } | null;
}

async function ask<T>(api: ApiServer, release: Release, path: string, method = 'GET'): Promise<T> {
  const pod = (await podsOf(api, release, 'api')).find(isReady);
  if (pod === undefined) throw new Error('no API pod is ready');
  const script = `
    const response = await fetch('http://127.0.0.1:' + (process.env.PORT ?? 8080) + '${path}', {
      method: '${method}',
      headers: { Authorization: ${JSON.stringify(`Bearer ${release.key}`)}, 'Content-Type': 'application/json' },
      ...('${method}' === 'POST' && { body: '{}' }),
    });
    if (!response.ok) throw new Error('${path}: ' + response.status + ' ' + (await response.text()));
    process.stdout.write(await response.text());`;
  const exec = ['exec', '--stdin', pod.metadata.name, '--container=api', '--', 'node', '--input-type=module', '-'];
  return JSON.parse(kubectl(['--namespace', api.namespace, ...exec], script)) as T;
}

export const statusOf = (api: ApiServer, release: Release): Promise<Status> => ask(api, release, '/v1/ops/status');

/** Runs a reconciliation once everything is in MySQL. @throws Error with the report if the books are not clean */
export async function reconcile(api: ApiServer, release: Release): Promise<object> {
  const deadline = performance.now() + FLUSHED_MS_MAX;
  for (;;) {
    const { mode, journal } = await statusOf(api, release);
    if (mode === 'DIRECT' || journal?.length === 0) break;
    if (performance.now() > deadline) throw new Error('the journal was not flushed');
    await sleep(500);
  }
  const report = await ask<{ clean: boolean }>(api, release, '/v1/ops/reconciliations', 'POST');
  if (!report.clean) throw new Error(`the reconciliation found drift: ${JSON.stringify(report)}`);
  return report;
}
