package store_test
import ("testing";"context";"time";"fmt";"encoding/binary";"math/rand/v2";"github.com/lumbar-health/lumbar/record";"github.com/lumbar-health/lumbar/instruments";"github.com/lumbar-health/lumbar/store/write")
func TestZZ(t *testing.T){
 s,_:=open(t)
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
 t0:=time.Now()
 ctx:=context.Background()
 b,_:=s.Writer().Bulk(ctx)
 for _,x:=range batches{ if err:=b.Write(ctx,x);err!=nil{t.Fatal(err)} }
 t1:=time.Now()
 if err:=b.Commit(ctx);err!=nil{t.Fatal(err)}
 fmt.Println("rows",rows,"facts",t1.Sub(t0),"commit",time.Since(t1))
 t0=time.Now(); n,err:=s.Writer().RebuildCheck(ctx); fmt.Println("check",n,err,time.Since(t0))
 t0=time.Now(); k:=make([]write.Key,0); for _,e:=range batches[0].Touched{k=append(k,write.Key{Table:write.Episodes,PatientID:e,ID:3,Version:9})}; ex,err:=s.Writer().Existing(ctx,k); fmt.Println("existing",len(k),len(ex),err,time.Since(t0))
 for range 5 {t0=time.Now(); put(t,s,answer(1)); fmt.Println("write1",time.Since(t0))}
}
