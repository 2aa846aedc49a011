/**
 * Writes a TestRun for the k6 operator that can be applied as it is: with the script of a scenario and everything that it
 * imports as one file in a ConfigMap. testrun.system.test.ts compares it with the sources.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { choice, flag, readCommandLine, refuse, text } from '../../app/config/command-line.mjs';
import { SCENARIOS } from './options.ts';
import { testRun } from './testrun-manifest.ts';

const COMMAND = {
  name: 'npx tsx loadtest/k6/testrun.ts',
  about: 'Writes a TestRun for the k6 operator, with the script of a scenario.',
  options: {
    scenario: choice(SCENARIOS, 'the scenario to run', 'single-transfers'),
    output: text('FILE', 'the file to write', join(import.meta.dirname, 'testrun.yaml')),
    write: flag('write the file; required'),
  },
};

const { values } = readCommandLine(COMMAND);
if (!values.write) refuse(COMMAND, 'Nothing is written without --write.');
writeFileSync(values.output, await testRun(values.scenario));
