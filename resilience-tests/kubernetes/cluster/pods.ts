import type { ApiServer } from './api-server.ts';
import type { Release } from './release.ts';
import { now, sleep } from './wait.ts';

/** Pods of the release, and whether clients reach them. */

export interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string; creationTimestamp: string };
  spec: { nodeName?: string; containers: { name: string; image: string }[] };
  status: {
    phase: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number; containerID?: string; state?: { running?: object } }[];
  };
}

export type Part = 'api' | 'keeper' | 'redis' | 'mysql';

interface Slice {
  endpoints?: { conditions: { ready?: boolean }; targetRef?: { name: string } }[];
}

export const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True');

export const restartsOf = ({ status }: Pod): number => status.containerStatuses?.[0]?.restartCount ?? 0;

const selectorOf = ({ name }: Release, part: Part): string =>
  encodeURIComponent(
    `app.kubernetes.io/name=holdfast,app.kubernetes.io/instance=${name},app.kubernetes.io/component=${part}`,
  );

export async function podsOf(api: ApiServer, release: Release, part: Part): Promise<Pod[]> {
  const path = `/api/v1/namespaces/${api.namespace}/pods?labelSelector=${selectorOf(release, part)}`;
  return (await api.read<{ items: Pod[] }>(path)).items;
}

/** Names of the pods to which the Service sends requests. */
export async function endpointsOf(api: ApiServer, { fullname }: Release): Promise<Set<string>> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${api.namespace}/endpointslices?labelSelector=kubernetes.io/service-name=${fullname}`;
  const { items } = await api.read<{ items: Slice[] }>(path);
  const ready = items.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions.ready === true);
  return new Set(ready.map(({ targetRef }) => targetRef?.name ?? ''));
}

/**
 * Waits until a part has `count` ready pods for which `accepts` returns true; API pods must also be endpoints of the
 * Service.
 * @returns ms since `since`; null if that does not happen in time
 */
export async function readyAfterMs(
  api: ApiServer,
  release: Release,
  { part, count, since, accepts, msMax = 240_000 }: ReadyOptions,
): Promise<number | null> {
  while (now() - since < msMax) {
    const ready = (await podsOf(api, release, part)).filter((pod) => isReady(pod) && accepts(pod));
    if (ready.length >= count) {
      if (part !== 'api') return now() - since;
      const endpoints = await endpointsOf(api, release);
      if (ready.filter(({ metadata }) => endpoints.has(metadata.name)).length >= count) return now() - since;
    }
    await sleep(50);
  }
  return null;
}

interface ReadyOptions {
  part: Part;
  count: number;
  since: number;
  accepts(pod: Pod): boolean;
  msMax?: number;
}
