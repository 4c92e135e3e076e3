// Package grafana lets Grafana read Lumbar: the Prometheus read protocol under
// /grafana/prometheus, boards as code, and the files that provision both.
//
// A metric is a column of a question's answer (Metrics). A query is one vector
// selector; its matchers say what is asked:
//
//	programme, instrument, timepoint   which of the programme's own; unnamed,
//	                                   all programmes and instruments, and each
//	                                   programme's main follow-up
//	adjusted                           "true" or "false", where a metric has both
//	year="2025"                        records of that financial year
//	any dimension: provider!="",       groups people by it (three at most), then
//	region=~"Y5.", sex="female"        keeps the groups that match
//	provider=""                        keeps what is not grouped by it
//
// So lumbar_patients{programme="p",instrument="i"} is one number, and with
// provider!="" one for each provider. A row that pools groups has no such label,
// which region="" finds. In a comparison the label intervention is the treated
// arm and reference the one it is compared with.
//
// Answers tell of the data as they are now: a range query gets its one sample
// at the end of the range. What disclosure control withholds is a sample left
// out, and a warning that says so.
//
// It never evaluates functions, aggregations or arithmetic: an average of
// providers' means is wrong statistics and a way to small numbers. It never
// shows a value that has not passed disclosure, and it is not an access
// boundary: whoever can use the data source can send any query.
package grafana
