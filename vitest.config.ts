import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { SlowFilesFirst } from './devstack/testing/slow-files-first.ts';

const FOLDERS = '{app,clients,devstack,importer,mock-data,scripts,loadtest,resilience-tests,simulator,verification}';
const STORES = 'devstack/testing/test-stores.ts';

/**
 * A test file belongs to a project by its name: devstack/testing/reach.ts defines what each project may use, and
 * enforces this.
 */
function project(name: 'unit' | 'stores' | 'system', test: object): TestProjectConfiguration {
  return {
    extends: true,
    test: { name, setupFiles: ['devstack/testing/reach.ts'], ...test },
  };
}

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    // Most tests wait for stores and processes: on two cores, two workers leave a quarter of the CPU time unused.
    maxWorkers: Math.max(3, availableParallelism()),
    // Tests use real stores and child processes, which are slow on a busy machine. Every test waits for a condition, so
    // its time limit matters only if the condition is never met. A test that passes on a second try is broken: no
    // retries.
    testTimeout: 900_000,
    expect: { poll: { timeout: 300_000 } },
    hookTimeout: 900_000,
    teardownTimeout: 300_000,
    retry: 0,
    sequence: { sequencer: SlowFilesFirst },
    projects: [
      project('unit', {
        include: [`${FOLDERS}/**/*.test.ts`],
        exclude: ['**/*.{stores,system}.test.ts'],
        // Files share a process and the modules that they import, which halves the time of a run.
        isolate: false,
        // Larger semi-spaces: short-lived objects are collected less often, which saves a twentieth of the CPU time.
        execArgv: ['--min-semi-space-size=16', '--max-semi-space-size=32'],
        // A unit test that uses one of these stores gets the error from reach.ts instead of a connection to a server on
        // this machine.
        provide: { project: 'unit', redisPort: 9, mysqlUrl: 'mysql://no-store-in-a-unit-test.invalid/' },
      }),
      project('stores', {
        include: [`${FOLDERS}/**/*.stores.test.ts`],
        globalSetup: [STORES],
        provide: { project: 'stores' },
      }),
      project('system', {
        include: [`${FOLDERS}/**/*.system.test.ts`],
        globalSetup: [STORES],
        provide: { project: 'system' },
      }),
    ],
    coverage: {
      provider: 'v8',
      include: ['app/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**'],
      reporter: ['text-summary', 'html', 'json-summary'],
      reportsDirectory: 'coverage',
      reportOnFailure: true,
      thresholds: { lines: 90, branches: 90 },
    },
  },
});
