import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, longest first. They start first, so that no worker is still running one of them when the
 * others have nothing left to do. On a clean clone, Vitest itself would start the largest files first.
 */
export const SLOW_FILES: readonly string[] = [
  'scripts/guide/tutorials.system.test.ts',
  'resilience-tests/short-cluster.system.test.ts',
  'resilience-tests/short.system.test.ts',
  'simulator/protocol.system.test.ts',
  'simulator/mutants/mutants.system.test.ts',
  'simulator/mutants/crossing.system.test.ts',
  'simulator/shards/sharded.system.test.ts',
  'simulator/mysql/same-as-sql.stores.test.ts',
  'clients/typescript/tests/package.system.test.ts',
  'clients/typescript/tests/kills.system.test.ts',
  'scripts/commands.system.test.ts',
  'app/tools/shards/split.stores.test.ts',
  'app/tools/shards/recover.stores.test.ts',
  'app/integration/ledger/holds-same-as-lua.stores.test.ts',
  'resilience-tests/short-haproxy.system.test.ts',
  'resilience-tests/short-shards.system.test.ts',
  'app/roles/tests/docs-examples.system.test.ts',
  'app/roles/tests/webhook-kills.stores.test.ts',
  'app/roles/tests/webhooks.stores.test.ts',
  'app/integration/run.system.test.ts',
];

/** The order in which Vitest starts the test files. */
export class SlowFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return inOrder(sorted, ({ moduleId }) => relative(this.ctx.config.root, moduleId));
  }
}

/** The slow files, then the others in their given order. */
export function inOrder<T>(files: readonly T[], pathOf: (file: T) => string): T[] {
  const rank = (file: T) => {
    const index = SLOW_FILES.indexOf(pathOf(file));
    return index === -1 ? SLOW_FILES.length : index;
  };
  return [...files].sort((a, b) => rank(a) - rank(b));
}
