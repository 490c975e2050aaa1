/** Schemas of the kinds that are not Kubernetes' own, from the resource definitions that their projects publish. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { parse } from 'yaml'

const folders = {
  'gateway.networking.k8s.io': ['sigs.k8s.io/gateway-api@v1.3.0', 'config/crd/standard'],
  'monitoring.coreos.com': [
    'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    'example/prometheus-operator-crd',
  ],
}

/** Patterns there are Go's. */
const regExp = (pattern) => {
  const ignoresCase = pattern.includes('(?i)')
  return new RegExp(pattern.replace('(?i)', ''), ignoresCase ? 'iu' : 'u')
}
regExp.code = 'regExp'

/** @returns what compares an object with its schema, or nothing where the group is not of these */
export function validatorOfOthers(apiVersion, kind) {
  const [group, version] = apiVersion.split('/')
  if (!Object.hasOwn(folders, group)) return undefined
  const [module, folder] = folders[group]
  const said = execFileSync('go', ['mod', 'download', '-json', module], { cwd: '/' })
  const file = `${JSON.parse(said).Dir}/${folder}/${group}_${kind.toLowerCase()}s.yaml`
  const { spec } = parse(readFileSync(file, 'utf8'))
  const { schema } = spec.versions.find(({ name }) => name === version)
  const top = schema.openAPIV3Schema
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true, code: { regExp } })
  return ajv.compile({ ...top, properties: close(top.properties) })
}

/** Unknown fields are mistakes, as they are for the API server with strict validation. */
function close(properties) {
  for (const schema of Object.values(properties)) {
    if (schema.properties) {
      schema.additionalProperties ??= schema['x-kubernetes-preserve-unknown-fields'] === true
      close(schema.properties)
    }
    for (const inner of [schema.items, schema.additionalProperties]) {
      if (typeof inner === 'object') close({ inner })
    }
  }
  return properties
}
