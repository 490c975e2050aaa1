/** What is chosen above a dashboard. `.*` for all, because labels such as `namespace` may not be there at all. */
import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'

export const datasource = { type: 'prometheus', uid: '${datasource}' }

const INFO = 'lengthwise_build_info'

/** @param options.one one instance rather than several @param options.surfaces add the surfaces */
export function variables({ one = false, surfaces = false } = {}) {
  const list = [
    new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    several('namespace', 'Namespace', `label_values(${INFO}, namespace)`),
    several('job', 'Cluster', `label_values(${INFO}{namespace=~"$namespace"}, job)`),
    instances(one),
  ]
  if (surfaces) {
    const labels = 'namespace=~"$namespace",job=~"$job"'
    list.push(
      several('surface', 'Surface', `label_values(lengthwise_appends_total{${labels}}, surface)`),
    )
  }
  return list
}

function instances(one) {
  const query = `label_values(${INFO}{namespace=~"$namespace",job=~"$job"}, instance)`
  return one ? choice('instance', 'Node', query) : several('instance', 'Nodes', query)
}

const choice = (name, label, query) =>
  new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query({ query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)

const several = (name, label, query) =>
  choice(name, label, query)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: 'All', value: '$__all' })
