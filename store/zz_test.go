package store_test
import ("testing";"context";"time";"fmt";"encoding/binary";"math/rand/v2";"github.com/lumbar-health/lumbar/record";"github.com/lumbar-health/lumbar/instruments";"github.com/lumbar-health/lumbar/store/write")
func TestZZ(t *testing.T){
 s,conn:=open(t)
 r:=rand.New(rand.NewPCG(1,1))
 N:=92000
 var batches []write.Batch
 var f facts
 pred:=0.5
 rows:=0
 for i:=range N{
  var id record.PatientID; binary.BigEndian.PutUint64(id[:],r.Uint64()); binary.BigEndian.PutUint64(id[8:],r.Uint64())
  ep:=r.Uint64()
  f.episodes=append(f.episodes,record.Episode{PatientID:id,ID:ep,Version:uint64(7)<<40,Status:1,Programme:"nhs-proms",ReferredOn:record.NewDate(2016,4,1),Provider:fmt.Sprintf("R%02d",i%250),Intervention:"",Sex:1,AgeBand:"60 to 69",ReceivedAt:received})
  for _,tp:=range []string{"baseline","6m"}{
   for _,in:=range []instruments.ID{"ohs","eq5d3l","eqvas"}{
    rid:=r.Uint64()
    sc:=instruments.ScoresOf(in)[0]
    f.responses=append(f.responses,record.Response{PatientID:id,ID:rid,Version:uint64(7)<<40,Status:3,Source:"nhs-proms",EpisodeID:ep,Programme:"nhs-proms",Instrument:in,Timepoint:tp,AnsweredAt:received,AnsweredOn:record.NewDate(2016,4,1),Precision:4,ReceivedAt:received,ReportedBy:1,Codes:[]int16{1,2,3,4,1,2,3,2,1,2,3,1}})
    rs:=record.Score{PatientID:id,ResponseID:rid,Version:uint64(7)<<40,Status:1,Name:sc.Name,Algorithm:sc.Algorithm,ValueSet:sc.ValueSet,Programme:"nhs-proms",EpisodeID:ep,Timepoint:tp,AnsweredAt:received,AnsweredOn:record.NewDate(2016,4,1),ReceivedAt:received,ReportedBy:1,Units:int32(r.IntN(40)),HasUnits:true,NAnswered:12}
    if tp=="6m" {rs.Predicted=&pred}
    f.scores=append(f.scores,rs)
   }
  }
  if len(f.scores)>48000 || i==N-1 { rows+=len(f.scores); batches=append(batches,f.batch(t)); f=facts{} }
 }
 ctx:=context.Background()
 for _,stop:=range []string{"SYSTEM STOP MERGES"} {
 conn.Exec(ctx,stop)
 parts:=map[string]float64{}
 for _,x:=range batches{ for _,k:=range []string{"r","s","e"} { y:=write.Batch{}; switch k {case "r": y.Response=x.Response; case "s": y.Score=x.Score; default: y.Episode=x.Episode}
   b,_:=s.Writer().Bulk(ctx); c0:=cpu(); b.Write(ctx,y); parts[k]+=cpu()-c0 } }
 fmt.Println(stop,parts)
 t1:=time.Now(); c1:=cpu()
 conn.Exec(ctx,"SYSTEM START MERGES"); time.Sleep(100*time.Millisecond); conn.Exec(ctx,"OPTIMIZE TABLE score"); fmt.Println("merge score",cpu()-c1,time.Since(t1))
 }
 for range 4 {
 c1:=cpu(); s.Writer().Rebuild(ctx); fmt.Println("rebuild cpu",cpu()-c1)
 }
}
