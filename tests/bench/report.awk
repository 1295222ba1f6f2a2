# The drivers' lines, without their punctuation:
#   client C workload W messages N cpu_us U wall_us V
# become the table, or with json=yes the objects, of tests/bench/run.

function median(list, key, n,    i, j, v, sorted) {
  for (i = 1; i <= n; i++) {
    v = list[key, i]
    for (j = i; j > 1 && sorted[j - 1] > v; j--)
      sorted[j] = sorted[j - 1]
    sorted[j] = v
  }
  lowest = sorted[1]
  highest = sorted[n]
  if (n % 2)
    return sorted[(n + 1) / 2]
  return (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function ratio(key, other) {
  return other in cpu ? sprintf("%.2f", cpu[key] / cpu[other]) : "-"
}

{
  key = $4 " " $2
  if (!(key in runs))
    order[++keys] = key
  runs[key]++
  us[key, runs[key]] = $8 / $6
  rate[key, runs[key]] = $6 / ($10 / 1e6)
}

END {
  for (k = 1; k <= keys; k++) {
    key = order[k]
    speed[key] = median(rate, key, runs[key])
    cpu[key] = median(us, key, runs[key])
    range[key] = sprintf("%.3f-%.3f", lowest, highest)
  }
  if (json != "yes")
    printf "%-9s %-13s %14s %14s %15s %8s %11s\n", "workload", "client",
      "CPU us/message", "min-max", "x libmosquitto", "x floor", "messages/s"
  for (k = 1; k <= keys; k++) {
    key = order[k]
    split(key, part, " ")
    if (json == "yes")
      printf "{\"workload\":\"%s\",\"client\":\"%s\",\"us_per_msg\":%.4f," \
        "\"msgs_per_s\":%.0f}\n", part[1], part[2], cpu[key], speed[key]
    else
      printf "%-9s %-13s %14.3f %14s %15s %8s %11.0f\n", part[1], part[2],
        cpu[key], range[key], ratio(key, part[1] " libmosquitto"),
        ratio(key, part[1] " floor"), speed[key]
  }
}
