import { existsSync } from 'node:fs';
import { findProgram } from '../install/packages.mjs';
import { UserError } from '../system/console.mjs';
import { readJson } from '../system/folder.mjs';
import { kubectl, tried } from './commands.ts';
import { dockerProvider, type Engine } from './docker.ts';
import { ownProvider } from './own.ts';
import { STATE } from './settings.ts';

/** Runs a cluster on this machine, and can break its nodes. */
export interface Provider {
  readonly kind: 'own' | Engine;
  up(nodes: number): Promise<void>;
  down(): Promise<void>;
  /** Makes images (archives of `docker save`) available on every node. */
  load(archives: readonly string[]): Promise<void>;
  /** Creates volumes for the claims of the chart's development stores, if the cluster does not. */
  provideVolumes(namespace: string): void;
  /** Kills a node suddenly; `returnNode` starts it again. */
  killNode(name: string): void;
  returnNode(name: string): Promise<void>;
  /** Cuts a node off from the network, or connects it again. Its processes keep running. */
  setConnected(name: string, connected: boolean): void;
}

export const PROVIDERS = ['own', 'kind', 'k3d'] as const;

/** The requested provider, or kind or k3d if installed with Docker, or else the cluster that is built here. */
export function chooseProvider(asked: Provider['kind'] | undefined): Provider {
  const engines = ['kind', 'k3d'] as const;
  const usable = engines.find((engine) => findProgram(engine) !== null && tried('docker', ['info']));
  const kind = asked ?? usable ?? 'own';
  if (kind === 'own') return ownProvider;
  if (findProgram(kind) === null) throw new UserError(`${kind} is not on the PATH.`);
  return dockerProvider(kind);
}

/** The provider of the cluster that `npm run cluster -- up` started; null if there is none. */
export function startedProvider(): Provider | null {
  if (!existsSync(STATE)) return null;
  const { provider } = (readJson(STATE) ?? {}) as { provider?: Provider['kind'] };
  return provider === undefined || provider === 'own' ? ownProvider : dockerProvider(provider);
}

/** The provider of the cluster that kubectl reaches, if that cluster runs on this machine; otherwise null. */
export function reachedProvider(): Provider | null {
  const started = startedProvider();
  if (started?.kind === 'own' && process.env['KUBECONFIG'] === undefined) return started;
  const context = kubectl(['config', 'current-context']).trim();
  if (started?.kind === 'own' && context === 'holdfast') return started;
  const engine = (['kind', 'k3d'] as const).find((name) => context.startsWith(`${name}-`));
  return engine === undefined ? null : dockerProvider(engine);
}
