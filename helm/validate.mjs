/**
 * Compares rendered objects with the schemas that Kubernetes publishes, unknown fields being mistakes:
 * `helm template … | node helm/validate.mjs 1.28 1.29 1.30`. The schemas are those that kubectl-validate carries; building it
 * would take longer than all other checks of the chart.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Ajv } from 'ajv'
import { parseAllDocuments } from 'yaml'
import { validatorOfOthers } from './crds.mjs'

const MODULE = 'sigs.k8s.io/kubectl-validate@v0.0.4'
const { Dir } = JSON.parse(execFileSync('go', ['mod', 'download', '-json', MODULE], { cwd: '/' }))
/** Schemas of a group and version of Kubernetes, by their file. */
const groups = new Map()

const versions = process.argv.slice(2)
const objects = parseAllDocuments(await text(process.stdin))
  .map((document) => document.toJS())
  .filter((object) => object !== null)
if (objects.length === 0) throw new Error('nothing to validate')
const mistakes = versions.flatMap((version) =>
  objects.flatMap((object) => mistakesOf(version, object)),
)
for (const mistake of mistakes) console.error(mistake)
console.log(
  `${objects.length} objects, Kubernetes ${versions.join(', ')}: ${mistakes.length} mistakes`,
)
process.exitCode = mistakes.length === 0 ? 0 : 1

function mistakesOf(version, object) {
  const { apiVersion, kind, metadata } = object
  const validate = validatorOfOthers(apiVersion, kind) ?? validatorOf(version, apiVersion, kind)
  const where = `${version} ${kind} ${metadata.name}`
  if (validate === undefined) return [`${where}: Kubernetes has no such kind`]
  if (validate(object)) return []
  return validate.errors.map(
    ({ instancePath, message, params }) =>
      `${where}: ${instancePath || '/'} ${message} ${params.additionalProperty ?? ''}`,
  )
}

function validatorOf(version, apiVersion, kind) {
  const path = apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`
  const file = `${Dir}/pkg/openapiclient/builtins/${version}/${path}.json`
  if (!groups.has(file)) groups.set(file, readGroup(file))
  const { ajv, schemas } = groups.get(file)
  const [group = '', name = apiVersion] = apiVersion.includes('/') ? apiVersion.split('/') : []
  const isIt = (gvk) => gvk.group === group && gvk.version === name && gvk.kind === kind
  const found = Object.entries(schemas).find(([, schema]) =>
    schema['x-kubernetes-group-version-kind']?.some(isIt),
  )
  return found && ajv.getSchema(`k8s#/components/schemas/${found[0]}`)
}

function readGroup(file) {
  const { components } = JSON.parse(readFileSync(file, 'utf8'))
  for (const schema of Object.values(components.schemas)) {
    // As the API server does with strict validation.
    if (schema.properties && !schema.additionalProperties) schema.additionalProperties = false
  }
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema({ $id: 'k8s', components })
  return { ajv, schemas: components.schemas }
}
