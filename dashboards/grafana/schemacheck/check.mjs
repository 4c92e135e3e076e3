// Compiles each board as a value of Grafana's own types. Usage: node check.mjs
// BOARD.json…; says what does not fit and exits 1.
//
// The types hold enums; a board holds their values. One field more is let
// through than the types have: a variable's definition, which Grafana writes
// itself.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const out = join(here, 'node_modules', '.check')
const panelTypes = { xychart: 'XYChart', table: 'Table', stat: 'Stat', text: 'Text', barchart: 'BarChart', timeseries: 'TimeSeries' }

const source = ["import * as grafana from '@grafana/schema'"]
for (const [type, name] of Object.entries(panelTypes)) {
  source.push(`import * as ${type} from '@grafana/schema/dist/esm/raw/composable/${type}/panelcfg/x/${name}PanelCfg_types.gen'`)
}
source.push(
  'type Values<T> = T extends string ? `${T}` : T extends number ? (`${T}` extends `${infer N extends number}` ? N : never)',
  '  : T extends (infer U)[] ? Values<U>[] : T extends object ? { [K in keyof T]: Values<T[K]> } : T')

let count = 0
function holds (type, value) {
  count++
  source.push(`export const v${count}: ${type} = ${JSON.stringify(value, null, 1)}`)
}

for (const path of process.argv.slice(2)) {
  const board = JSON.parse(readFileSync(path, 'utf8'))
  for (const variable of board.templating.list) {
    delete variable.definition
  }
  holds('Values<grafana.Dashboard>', board)
  for (const panel of board.panels) {
    const { type } = panel
    if (!(type in panelTypes)) {
      throw new Error(`${path}: panel type ${type} is not known to check.mjs`)
    }
    holds(`Values<${type}.Options>`, panel.options)
    if (type === 'text') continue
    if (panel.fieldConfig.defaults.custom) {
      holds(`Partial<Values<${type}.FieldConfig>>`, panel.fieldConfig.defaults.custom)
    }
    for (const property of panel.fieldConfig.overrides.flatMap(o => o.properties)) {
      const [head, name] = property.id.split('.')
      holds(head === 'custom' ? `Values<${type}.FieldConfig>['${name}']` : `Values<grafana.FieldConfig>['${head}']`, property.value)
    }
  }
}

mkdirSync(out, { recursive: true })
writeFileSync(join(out, 'check.ts'), source.join('\n') + '\n')
const compiler = join(here, 'node_modules', 'typescript', 'bin', 'tsc')
const run = spawnSync(process.execPath, [compiler, '--noEmit', '--strict', '--skipLibCheck', '--pretty', 'false',
  '--moduleResolution', 'bundler', '--module', 'esnext', '--target', 'es2022', join(out, 'check.ts')], { encoding: 'utf8' })
process.stdout.write(run.stdout + run.stderr)
console.log(`${count} values checked`)
process.exit(run.status === 0 ? 0 : 1)
