package simulate

import "fmt"

// The files of the NHS PROMs record format: 81 columns, whose names differ
// between hip and knee.

// joint is one of the two files.
type joint struct {
	file      string
	procedure string // column 1, and the first words of other columns
	items     [12]string
	predicted [3]string // EQ-5D index, EQ VAS, Oxford score
	// Oxford score before the operation and what it becomes on average.
	before, spread float64
	gain           float64
}

var joints = [...]joint{
	{
		file: "hip-provider-simulated.csv", procedure: "Hip Replacement",
		items:     [12]string{"Pain", "Sudden Pain", "Night Pain", "Washing", "Transport", "Dressing", "Shopping", "Walking", "Limping", "Stairs", "Standing", "Work"},
		predicted: [3]string{"EQ5D Index Post-Op Q Predicted", "EQ VAS Post-Op Q Predicted", "OHS Post-Op Q Predicted"},
		before:    18, spread: 8, gain: 20,
	},
	{
		file: "knee-provider-simulated.csv", procedure: "Knee Replacement",
		items:     [12]string{"Pain", "Night Pain", "Washing", "Transport", "Walking", "Standing", "Limping", "Kneeling", "Work", "Confidence", "Shopping", "Stairs"},
		predicted: [3]string{"EQ 5D Index Post-Op Q Predicted", "EQ VAS_Post-Op Q Predicted", "OKS Post-Op Q Predicted"},
		before:    19, spread: 7.7, gain: 16,
	},
}

var (
	recordContext = []string{
		"Provider Code", "Procedure", "Revision Flag", "Year", "Age Band", "Gender", "Pre-Op Q Assisted", "Pre-Op Q Assisted By",
		"Pre-Op Q Symptom Period", "Pre-Op Q Previous Surgery", "Pre-Op Q Living Arrangements", "Pre-Op Q Disability",
	}
	comorbidities = []string{
		"Heart Disease", "High Bp", "Stroke", "Circulation", "Lung Disease", "Diabetes", "Kidney Disease", "Nervous System",
		"Liver Disease", "Cancer", "Depression", "Arthritis",
	}
	healthColumns = []string{"Mobility", "Self-Care", "Activity", "Discomfort", "Anxiety", "EQ5D Index Profile", "EQ5D Index"}
	afterColumns  = []string{
		"Satisfaction", "Sucess", "Allergy", "Bleeding", "Wound", "Urine", "Further Surgery", "Readmitted", // "Sucess" is the format's own
	}
)

const recordWidth = 81

// header returns the names of a file's columns.
func (j *joint) header() []string {
	const before, after = "Pre-Op Q ", "Post-Op Q "
	h := append(append(make([]string, 0, recordWidth), recordContext...), comorbidities...)
	named := func(prefix string, names ...string) {
		for _, n := range names {
			h = append(h, prefix+n)
		}
	}
	named(before, healthColumns...)
	named(after, "Assisted", "Assisted By", "Living Arrangements", "Disability")
	named(after, healthColumns[:5]...)
	named(after, afterColumns...)
	named(after, healthColumns[5:]...)
	named(j.procedure+" ", j.predicted[0])
	named("", before+"EQ VAS", after+"EQ VAS", j.procedure+" "+j.predicted[1])
	for _, time := range []string{before, after} {
		named(fmt.Sprintf("%s %s", j.procedure, time), append(j.items[:], "Score")...)
	}
	named(j.procedure+" ", j.predicted[2])
	return h
}
