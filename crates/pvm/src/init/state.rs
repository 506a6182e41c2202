//! The steps of making an instance, as a state holds them.

use crate::eval::{Config, Ref, Task, Tasks, Value};
use crate::instance::{
    Elements, Extern, FunctionRef, GlobalInstance, Instance, InstanceType, MemoryInstance, Modules,
    TableInstance,
};
use crate::lazy::{Joining, Mapping, Names, Text, Vec32, record, union};
use crate::wasm::module::{DataSegment, ElemSegment, Export, Func, Global, Import, Module};
use crate::wasm::types::{FuncType, GlobalType, MemoryType, TableType};

union! {
    /// A function on its way into an instance.
    NewFunction {
        "Left" Given { func: Func = [] },
        "Right" Made { function: FunctionRef = [] },
    }
}

union! {
    /// A table on its way into an instance.
    NewTable {
        "Left" Given { table: TableType = [] },
        "Right" Made { table: TableInstance = [] },
    }
}

union! {
    /// A memory on its way into an instance.
    NewMemory {
        "Left" Given { memory: MemoryType = [] },
        "Right" Made { memory: MemoryInstance = [] },
    }
}

union! {
    /// The value of a block that is computed.
    Constant {
        "EC_Next" Computing { config: Box<Config> = [] },
        "EC_Stop" Computed { value: Value = [] },
    }
}

record! {
    /// A global on its way into an instance.
    NewGlobal {
        gtype: GlobalType = ["global_type"],
        constant: Constant = ["kont"],
    }
}

/// The references of a segment, each computed by a block.
pub(super) type NewElements = Mapping<Constant, i32, Ref>;

union! {
    /// Lists of tasks on their way to become one.
    JoinTasks {
        "J_Init" Parts { parts: Vec32<Tasks> = [] },
        "J_Next" Going { join: Joining<Task> = ["kont"], parts: Vec32<Tasks> = ["acc"] },
        "J_Stop" Done { tasks: Tasks = [] },
    }
}

union! {
    /// The tasks that segments of elements lead to.
    ElemTasks {
        "MC_Map" Each { segments: Vec32<ElemSegment> = ["origin"], done: Vec32<Tasks> = ["destination"], offset: i32 = ["offset"] },
        "MC_Join" Join { join: JoinTasks = [] },
    }
}

union! {
    /// The tasks that segments of data lead to.
    DataTasks {
        "MC_Map" Each { segments: Vec32<DataSegment> = ["origin"], done: Vec32<Tasks> = ["destination"], offset: i32 = ["offset"] },
        "MC_Join" Join { join: JoinTasks = [] },
    }
}

union! {
    /// The step of an initialisation.
    InitStep {
        "IK_Start" Start { externs: Vec32<Extern> = ["externs"] },
        // From the last import to the first.
        "IK_Add_import" Imports {
            instance: Box<Instance> = ["acc"], externs: Vec32<Extern> = ["left_vector"],
            imports: Vec32<Import> = ["right_vector"], offset: i32 = ["offset"],
        },
        "IK_Types" Types {
            instance: Box<Instance> = ["module"], types: Vec32<FuncType> = ["kont", "origin"],
            done: Vec32<InstanceType> = ["kont", "destination", "types"], offset: i32 = ["kont", "offset"],
        },
        "IK_Aggregate_func" Functions { instance: Box<Instance> = ["module"], map: Mapping<NewFunction, Func, FunctionRef> = ["kont"] },
        "IK_Aggregate_concat_func" AllFunctions { instance: Box<Instance> = ["module"], join: Joining<FunctionRef> = ["kont"] },
        "IK_Aggregate_global" Globals { instance: Box<Instance> = ["module"], map: Mapping<NewGlobal, Global, GlobalInstance> = ["kont"] },
        "IK_Aggregate_concat_global" AllGlobals { instance: Box<Instance> = ["module"], join: Joining<GlobalInstance> = ["kont"] },
        "IK_Aggregate_table" Tables { instance: Box<Instance> = ["module"], map: Mapping<NewTable, TableType, TableInstance> = ["kont"] },
        "IK_Aggregate_concat_table" AllTables { instance: Box<Instance> = ["module"], join: Joining<TableInstance> = ["kont"] },
        "IK_Aggregate_memory" Memories { instance: Box<Instance> = ["module"], map: Mapping<NewMemory, MemoryType, MemoryInstance> = ["kont"] },
        "IK_Aggregate_concat_memory" AllMemories { instance: Box<Instance> = ["module"], join: Joining<MemoryInstance> = ["kont"] },
        "IK_Exports" Exports {
            instance: Box<Instance> = ["module"], exports: Vec32<Export> = ["kont", "origin"],
            has_memory: bool = ["kont", "acc", "exports-memory-0"], done: Names<Extern> = ["kont", "acc", "exports"],
            offset: i32 = ["kont", "offset"],
        },
        "IK_Elems" Elems { instance: Box<Instance> = ["module"], map: Mapping<NewElements, ElemSegment, Elements> = ["kont"] },
        "IK_Datas" Datas {
            instance: Box<Instance> = ["module"], segments: Vec32<DataSegment> = ["kont", "origin"],
            done: Vec32<i32> = ["kont", "destination"], offset: i32 = ["kont", "offset"],
        },
        "IK_Es_elem" FillTables { instance: Box<Instance> = ["module"], tasks: ElemTasks = ["kont"] },
        "IK_Es_data" FillMemory { instance: Box<Instance> = ["module"], tasks: DataTasks = ["kont"], elems: Tasks = ["es_elem"] },
        "IK_Join_admin" AllTasks { instance: Box<Instance> = ["module"], join: JoinTasks = ["kont"] },
        // The tasks are done, the start function runs.
        "IK_Eval" Evaluate { config: Box<Config> = ["config"] },
        "IK_Stop" Stop,
    }
}

record! {
    /// A machine that makes an instance.
    Initialising {
        name: Text = ["self"],
        module: Module = ["ast_module"],
        step: InitStep = ["init_kont"],
        // The instance as others see it, under its name; it lags behind.
        modules: Modules = ["modules"],
    }
}
