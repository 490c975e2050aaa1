/**
 * Panels and dashboards as this product has them: one datasource variable, a description on every panel, the same
 * colours for the same thing everywhere.
 */
import {
  ReduceDataOptionsBuilder,
  VizLegendOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { datasource, variables } from './variables.mjs'

const HEIGHT = { stat: 4, graph: 8 }

/**
 * @param look what to do when it is bad: this is what somebody reads who was woken by it
 * @param targets one expression, or pairs of expression and legend
 * @param options `unit`; `warn` and `bad`, where it turns yellow and red; `width` of 24
 */
export function stat(title, look, targets, options = {}) {
  const panel = new StatBuilder()
    .graphMode('area')
    .colorMode(options.warn === undefined && options.bad === undefined ? 'none' : 'background')
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .noValue('nothing yet')
  return dress(panel, title, look, targets, { height: HEIGHT.stat, width: 4, ...options })
}

/** Over time. Takes what `stat` takes, and `stack` for parts of a whole. */
export function graph(title, look, targets, options = {}) {
  const panel = new GraphBuilder()
    .fillOpacity(options.stack ? 40 : 8)
    .lineWidth(1)
    .showPoints('never')
    .min(0)
    .tooltip({ build: () => ({ mode: 'multi', sort: 'desc' }) })
    .legend(new VizLegendOptionsBuilder().displayMode('list').placement('bottom').showLegend(true))
  if (options.stack) panel.stacking({ build: () => ({ mode: 'normal', group: 'A' }) })
  if (options.warn !== undefined || options.bad !== undefined)
    panel.thresholdsStyle({ build: () => ({ mode: 'dashed' }) })
  return dress(panel, title, look, targets, { height: HEIGHT.graph, width: 8, ...options })
}

function dress(
  panel,
  title,
  look,
  targets,
  { unit = 'short', height, width, warn, bad, decimals },
) {
  panel.title(title).description(look).datasource(datasource).unit(unit).height(height).span(width)
  panel.thresholds(thresholds(warn, bad))
  if (decimals !== undefined) panel.decimals(decimals)
  const pairs = typeof targets === 'string' ? [[targets, title]] : targets
  pairs.forEach(([expression, legend], at) =>
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode(65 + at))
        .expr(expression)
        .legendFormat(legend)
        .range(),
    ),
  )
  return panel
}

/** Green below `warn` and `bad`. */
function thresholds(warn, bad) {
  const steps = [{ value: null, color: 'green' }]
  if (warn !== undefined) steps.push({ value: warn, color: 'yellow' })
  if (bad !== undefined) steps.push({ value: bad, color: 'red' })
  return new dashboard.ThresholdsConfigBuilder().mode('absolute').steps(steps)
}

/**
 * @param name of the file and the uid
 * @param rows pairs of a row's title and its panels
 * @param options.one the dashboard is about one node, chosen above; @param options.surfaces can be chosen too
 */
export function makeDashboard(name, title, description, rows, options = {}) {
  const board = new dashboard.DashboardBuilder(`Lengthwise / ${title}`)
    .uid(`lengthwise-${name}`)
    .description(description)
    .tags(['lengthwise'])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('10s')
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .variables(variables(options))
    .link(otherDashboards())
    .annotation(firing())
  let id = 1
  for (const [row, panels] of rows) {
    board.withRow(new dashboard.RowBuilder(row).id(id++))
    for (const panel of panels) board.withPanel(panel.id(id++))
  }
  const json = board.build()
  // Where the library puts the link it is found by nobody.
  for (const link of json.links) delete link.placement
  return { name, json }
}

const otherDashboards = () =>
  new dashboard.DashboardLinkBuilder('Lengthwise')
    .type('dashboards')
    .tags(['lengthwise'])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true)

/** Alerts as red marks in every graph, so that cause and effect are seen together. */
const firing = () =>
  new dashboard.AnnotationQueryBuilder()
    .name('Alerts')
    .datasource(datasource)
    .enable(true)
    .iconColor('red')
    .expr('ALERTS{alertname=~"Lengthwise.*",alertstate="firing"}')
    .titleFormat('{{alertname}}')
    .textFormat('{{instance}}')
