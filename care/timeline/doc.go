// Package timeline shows a clinician the record of one person: episodes, events
// and answered questionnaires with their scores and the change since baseline,
// each with the versions that came before, as known now or at an earlier moment.
//
// Its numbers are exact: they are for the care of that person and never pass
// through a cohort route. It never stores anything but a line of the audit,
// never shows what stands in a withdrawn answer, which may be somebody else's,
// and never knows a name or an NHS number.
package timeline
