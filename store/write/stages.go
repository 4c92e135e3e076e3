package write

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/store/schema"
)

// withStages are the steps of data-model section 4 for a branch's episodes: attach
// each usable score to one of them, find its timepoint, keep the winner of each
// cell, pivot. Without cells only the version is left to find: it sums all rows
// of the patient, those of other programmes too.
func withStages(p branch, cells []cell) string {
	stages := []string{`  mine AS (
    SELECT * FROM derive_episode WHERE ` + p.of("programme") + `)`}
	if len(cells) > 0 {
		stages = append(stages, attachedStages(p), slottedStages(p, cells), `  winner AS (
    SELECT * FROM slotted WHERE cell != 0
    ORDER BY patient_id, episode_id, cell, distance, answered_at, response_id LIMIT 1 BY patient_id, episode_id, cell)`, mappedStage(cells), wideStage(cells))
	}
	return "WITH\n" + strings.Join(append(stages, `  seen AS (
    SELECT patient_id, sum(x) AS version
    FROM (SELECT patient_id, version AS x FROM derive_score UNION ALL SELECT patient_id, version FROM derive_episode) GROUP BY patient_id)
`), ",\n")
}

// attachedStages give each usable score its episode: the one it names, or the
// patient's latest of the programme that was referred on or before that day.
func attachedStages(p branch) string {
	return `  referral AS (
    SELECT patient_id, referred_on, max(episode_id) AS episode_id
    FROM mine WHERE status != 'entered-in-error' GROUP BY patient_id, referred_on),
  usable AS (
    SELECT * FROM derive_score WHERE counts AND (score, algorithm, value_set) IN (` + currentScores(p) + `)),
  attached AS (
    SELECT patient_id, episode_id, score, algorithm, value_set, timepoint, answered_at, answered_on, response_id, units, value, predicted
    FROM usable WHERE episode_id != 0
    UNION ALL
    SELECT u.patient_id, r.episode_id, u.score, u.algorithm, u.value_set, u.timepoint, u.answered_at, u.answered_on, u.response_id, u.units, u.value, u.predicted
    FROM (SELECT * FROM usable WHERE episode_id = 0 AND ` + p.of("programme") + `) AS u
    ASOF JOIN referral AS r ON u.patient_id = r.patient_id AND u.answered_on >= r.referred_on)`
}

// currentScores lists the scores of the programme under the algorithm and value
// set that are current for each.
func currentScores(p branch) string {
	var rows []string
	for _, s := range p.Scores {
		if s.Mapped() {
			continue
		}
		row := "(" + schema.Literal(s.Name) + ", " + schema.Literal(s.Algorithm) + ", " + schema.Literal(s.ValueSet) + ")"
		if !slices.Contains(rows, row) {
			rows = append(rows, row)
		}
	}
	return strings.Join(rows, ", ")
}

// wideStage turns the filled cells into one row an episode.
func wideStage(cells []cell) string {
	var columns []string
	for _, c := range cells {
		is := "cell = " + strconv.Itoa(c.id)
		value := "units"
		if c.float {
			value = "value"
		}
		columns = append(columns, "anyIf("+value+", "+is+") AS "+schema.Quote(c.stem),
			"anyIf(toNullable(answered_on), "+is+") AS "+schema.Quote(c.stem+"_at"))
		if c.predicted {
			columns = append(columns, "anyIf(predicted, "+is+") AS "+schema.Quote(c.stem+"_predicted"))
		}
	}
	return "  wide AS (\n    SELECT " + strings.Join(append([]string{"patient_id", "episode_id"}, columns...), ",\n      ") +
		"\n    FROM filled GROUP BY patient_id, episode_id)"
}
